//! Which language a text is in.
//!
//! The reference asks a statistical detector, whose answer for a few words is close to chance. Ours counts the most common
//! words of languages in Latin letters, and asks a detector by letter triples where they do not decide.

use crate::verify::text::is_of_word;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use whatlang::{Lang, Script};

/// How much of a text is looked at, in bytes; the first pages decide.
const LOOKED_AT: usize = 1 << 14;

/// Common words of languages that are written in Latin letters, by ISO code.
const COMMON: &[(&str, &str)] = &[
    (
        "en",
        "the of and to in is that it was for on are with as his they at be this have from or had by but what some we can out other \
         were all there when up use your how said each she which do their if will about many then them would like these her see \
         him two has look more could go come did most my over know than first who may been now you not an because very \
         after again am any before being between did does each even every find get give had has here i'm into its just make made \
         me must need new no only our own please same shall she should since still take text than there through under until us \
         use using want was well were where which while who why without yes yet don't doesn't isn't can't won't let's want help",
    ),
    ("af", "die het 'n nie van is en dit om wat sy vir met ek hulle sal kan was haar ook maar hy ons"),
    ("ca", "el la els les de i que en un una per amb no és del al com més però aquest"),
    ("cs", "a je se v na to že s z do o i ale jako by za pro jsem si byl"),
    ("cy", "yn y mae a i o ar yr am wedi ei oedd ac bod hyn"),
    (
        "da",
        "og i at det er en til på som den med af for ikke der de var et har han om vi men jeg sig fra hun havde ved også efter blev",
    ),
    (
        "de",
        "der die das und ist in den von zu mit sich auf für nicht ein eine einen einem einer dem des es im auch als an werden aus er hat \
         dass sie nach wird bei noch wie über so zum war haben nur oder aber vor zur bis mehr durch ich wir",
    ),
    (
        "es",
        "el la los las de del que y en un una por con para es se su al lo como más pero sus le ya este porque esta son entre cuando muy sin sobre también me hasta hay donde desde todo nos",
    ),
    ("et", "ja on ei et see ta kui ka oma oli mis ning aga siis ma"),
    ("fi", "ja on ei se että en hän oli ovat mutta niin kun myös joka tai jos kuin minä sen ole mitä nyt"),
    (
        "fr",
        "le la les de des du et en un une est que qui dans pour pas sur au avec ce il elle sont plus par je ne se sa son ses nous vous mais ou leur aux cette ont été",
    ),
    ("hr", "i je se u na da su za od s kao što ali koji iz ne bi"),
    ("hu", "a az és hogy nem is egy ez van volt meg csak mint de ha már"),
    ("id", "yang dan di ini itu dengan untuk tidak dari dalam akan pada juga ke karena ada mereka kami saya adalah"),
    (
        "it",
        "il lo la gli le di del della dei che e è un una in per con non sono si da come più ma anche al alla nel nella questo questa ha",
    ),
    (
        "nl",
        "de het een en van ik te dat die in is niet zijn op aan met als voor er maar om hem dan zou of wat mijn dit zo door over ze zich bij ook tot je uit naar heb hoe heeft hebben deze want nog zal",
    ),
    (
        "no",
        "og i det som er på en til av for med at ikke den har de var jeg om et han men så seg fra hun ble kan vi ved også etter eller hadde",
    ),
    ("pl", "i w nie na się z do to że jest o jak ale po co tak za od go już są był przez dla lub oraz"),
    (
        "pt",
        "o a os as de do da dos das que e em um uma para com não é se por mais como mas ao ele ela seu sua ou quando muito já também só pelo pela até isso",
    ),
    ("ro", "și de la în a cu pe un o nu este că din care pentru mai sau ce se sunt dar"),
    ("so", "waa iyo oo ka ku in la uu waxa ay u soo"),
    (
        "sv",
        "och att det som en på är av för med till den har de inte om ett han men var jag sig från vi så kan när under också efter eller nu sin där vid mot",
    ),
    ("sw", "na ya wa kwa ni katika la za hii kuwa huo yake cha hiyo pia kama lakini sana watu"),
    ("tl", "ang ng sa na ay mga at ito siya niya hindi ko mo kung"),
    ("tr", "ve bir bu da de için ile çok ne o gibi daha olarak var en kadar ama değil mi"),
    ("vi", "và của là có không được một cho với trong các này đã người những"),
];

/// The ISO code of the language; none where the text has no letters. An empty code stands for a language that cannot be said.
pub fn detect(text: &str) -> Option<&'static str> {
    let text = start(text);
    if !text.chars().any(char::is_alphabetic) {
        return None;
    }
    let lower = text.to_lowercase();
    let guess = whatlang::detect(&lower);
    let script = guess.as_ref().map_or(Script::Latin, whatlang::Info::script);
    if script != Script::Latin {
        return Some(guess.and_then(|guess| code(guess.lang())).unwrap_or_default());
    }
    let (best, votes, tied) = votes(&lower);
    if votes > 0 && !tied {
        return Some(best);
    }
    let ascii = lower.is_ascii();
    if votes > 0 && best == "en" && ascii {
        return Some("en");
    }
    let guess = guess.filter(|guess| guess.is_reliable() || lower.split_whitespace().count() > 2);
    Some(guess.and_then(|guess| code(guess.lang())).filter(|code| *code != "en" || ascii).unwrap_or_default())
}

/// Whether a text is English; also where it has no letters, which the reference lets pass.
pub fn is_english(text: &str) -> bool {
    detect(text).is_none_or(|code| code == "en")
}

fn start(text: &str) -> &str {
    let end = (0..=LOOKED_AT.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// Common words, and the languages in which they are common by their places in the list.
fn languages() -> &'static BTreeMap<&'static str, Vec<usize>> {
    static WORDS: OnceLock<BTreeMap<&'static str, Vec<usize>>> = OnceLock::new();
    WORDS.get_or_init(|| {
        let mut words: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, (_, common)) in COMMON.iter().enumerate() {
            for word in common.split_whitespace() {
                words.entry(word).or_default().push(at);
            }
        }
        words
    })
}

/// The language with the most common words, how many there are, and whether another has as many. English comes first.
fn votes(text: &str) -> (&'static str, usize, bool) {
    let mut counts = [0usize; COMMON.len()];
    let mut letters = 0;
    for word in text.split(|c: char| !is_of_word(c) && c != '\'').filter(|word| !word.is_empty()) {
        letters += usize::from(matches!(word, "a" | "i"));
        for at in languages().get(word).into_iter().flatten() {
            if let Some(count) = counts.get_mut(*at) {
                *count += 1;
            }
        }
    }
    // Words of one letter are common in many languages, so in English they only count beside others.
    if let Some(english) = counts.first_mut().filter(|english| **english > 0) {
        *english += letters;
    }
    let most = counts.iter().copied().max().unwrap_or(0);
    let mut best = counts.iter().zip(COMMON).filter(|(count, _)| **count == most).map(|(_, (code, _))| *code);
    (best.next().unwrap_or_default(), most, best.next().is_some())
}

fn code(lang: Lang) -> Option<&'static str> {
    Some(match lang {
        Lang::Eng => "en",
        Lang::Afr => "af",
        Lang::Ara => "ar",
        Lang::Ben => "bn",
        Lang::Bul => "bg",
        Lang::Cat => "ca",
        Lang::Ces => "cs",
        Lang::Cmn => "zh-cn",
        Lang::Dan => "da",
        Lang::Deu => "de",
        Lang::Ell => "el",
        Lang::Est => "et",
        Lang::Fin => "fi",
        Lang::Fra => "fr",
        Lang::Guj => "gu",
        Lang::Heb => "he",
        Lang::Hin => "hi",
        Lang::Hrv => "hr",
        Lang::Hun => "hu",
        Lang::Ind => "id",
        Lang::Ita => "it",
        Lang::Jpn => "ja",
        Lang::Kan => "kn",
        Lang::Kor => "ko",
        Lang::Lit => "lt",
        Lang::Lav => "lv",
        Lang::Mkd => "mk",
        Lang::Mal => "ml",
        Lang::Mar => "mr",
        Lang::Nep => "ne",
        Lang::Nld => "nl",
        Lang::Nob => "no",
        Lang::Pan => "pa",
        Lang::Pes => "fa",
        Lang::Pol => "pl",
        Lang::Por => "pt",
        Lang::Ron => "ro",
        Lang::Rus => "ru",
        Lang::Slk => "sk",
        Lang::Slv => "sl",
        Lang::Spa => "es",
        Lang::Swe => "sv",
        Lang::Tam => "ta",
        Lang::Tel => "te",
        Lang::Tgl => "tl",
        Lang::Tha => "th",
        Lang::Tur => "tr",
        Lang::Ukr => "uk",
        Lang::Urd => "ur",
        Lang::Vie => "vi",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_told_apart() {
        for (text, expected) in [
            ("the cat sat on the mat", Some("en")),
            ("THIS IS A TEST OF THE SYSTEM.", Some("en")),
            ("my answer is no.", Some("en")),
            ("el perro corre por la calle y luego entra en el bosque", Some("es")),
            ("der hund lief über die straße", Some("de")),
            ("le chat est sur la table", Some("fr")),
            ("il gatto è sul tavolo e non mangia", Some("it")),
            ("Привет, как дела у вас сегодня?", Some("ru")),
            ("これは日本語の文章です。", Some("ja")),
            ("이것은 한국어 문장입니다", Some("ko")),
            ("यह एक हिन्दी वाक्य है", Some("hi")),
            ("هذه جملة باللغة العربية", Some("ar")),
            ("mtoto anacheza na mpira katika shule ya msingi", Some("sw")),
            ("123 !?", None),
            ("", None),
        ] {
            assert_eq!(detect(text), expected, "{text}");
        }
        assert!(!is_english("a") && !is_english("nïcödé s") && is_english("12"));
    }
}
