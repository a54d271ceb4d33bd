//! Text to codes: the front end as a whole.
