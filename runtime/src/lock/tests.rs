//! Every difference of a lock has a name.

use super::*;

fn lock() -> Lock {
    let inputs = Inputs {
        data: BTreeMap::from([("file(\"a.jsonl\")".to_string(), "blake3 00".to_string())]),
        models: BTreeMap::from([(
            "policy".to_string(),
            BTreeMap::from([("config.json".to_string(), "blake3 11".to_string())]),
        )]),
        python: Some("CPython 3.12.3".into()),
    };
    Lock::new("tiny", None, "abc", 2026, inputs)
}

#[test]
fn a_lock_comes_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.lock");
    std::fs::write(&path, lock().text()).unwrap();
    let read = Lock::read(&path).unwrap();
    assert_eq!((read.text(), read.digest()), (lock().text(), lock().digest()));
    assert_eq!(lock().differences(&read), []);
}

#[test]
fn every_part_that_differs_is_named() {
    let check = |change: fn(&mut Lock), what: &str, was: &str, is: &str| {
        let mut other = lock();
        change(&mut other);
        assert_eq!(lock().differences(&other), [Difference::new(what, was, is)]);
        assert_ne!(lock().digest(), other.digest());
    };
    check(|lock| lock.variant = Some("short".into()), "variant", "none", "short");
    check(|lock| lock.hash = "abd".into(), "the recipe's hash", "abc", "abd");
    check(|lock| lock.edition = 2027, "edition", "2026", "2027");
    let program = crate::origin::program();
    check(|lock| lock.program = "recipec 9".into(), "program", &program, "recipec 9");
    check(
        |lock| drop(lock.data.insert("file(\"a.jsonl\")".into(), "blake3 01".into())),
        "data file(\"a.jsonl\")",
        "blake3 00",
        "blake3 01",
    );
    check(|lock| lock.data.clear(), "data file(\"a.jsonl\")", "blake3 00", "nothing");
    check(|lock| lock.models.clear(), "model policy, config.json", "blake3 11", "nothing");
    check(|lock| lock.python = None, "Python of the sandbox", "CPython 3.12.3", "none");
}

#[test]
fn a_malformed_lock_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.lock");
    let check = |text: &str, place: &str, why: &str| {
        std::fs::write(&path, text).unwrap();
        let found = Lock::read(&path).unwrap_err();
        assert_eq!(found.code(), "recipe::run::bad_lock");
        let found = found.to_string();
        assert!(found.contains(&format!("a.lock`{place}")) && found.contains(why), "{found}");
    };
    check("", ":1:", "EOF");
    check("lock = 1\n", ":1:1", "expected value");
    check(&lock().text().replace("\"hash\": \"abc\",", "\"hash\": abc,"), ":5:", "expected value");
    check(&lock().text().replace("\"edition\"", "\"edtion\""), ":6:", "unknown field `edtion`");
    check(&lock().text().replace("\"lock\": 1", "\"lock\": 2"), "", "of version 2");
    check(&lock().text()[..60], ":", "EOF");
    assert!(matches!(Lock::read(&folder.path().join("b.lock")), Err(LockError::Missing { .. })));
}

#[test]
fn places_follow_the_recipe() {
    assert_eq!(place(Path::new("a/b.recipe"), None), Path::new("a/b.lock"));
    assert_eq!(place(Path::new("b.recipe"), Some("short")), Path::new("b-short.lock"));
}
