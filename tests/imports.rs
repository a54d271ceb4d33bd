//! `extends` and `import` of addresses: by digest, once, and never anything else.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const TINY: &str = include_str!("fixtures/tiny.recipe");

struct Server {
    address: String,
    asked: Arc<AtomicUsize>,
}

/// Answers every request with one text, from a thread that ends with the test.
fn server(text: &'static str) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}/parts/overlong.recipe", listener.local_addr().expect("an address"));
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            count.fetch_add(1, Ordering::SeqCst);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", text.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(text.as_bytes()));
        }
    });
    Server { address, asked }
}

fn said(args: &[&str], folder: &Path, more: &[(&str, String)]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recipec"));
    command.args(args).current_dir(folder).env("NO_COLOR", "1").env("RECIPEC_CACHE", folder.join("cache"));
    for proxy in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    command.envs(more.iter().map(|(name, value)| (*name, value.as_str())));
    let output = command.output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    // Long messages are broken into lines: words count, not where they break.
    let words = |text: String| text.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
    (output.status.code().unwrap_or(-1), text(&output.stdout), words(text(&output.stderr)))
}

/// The tiny recipe with its formula elsewhere, and the text of that file.
fn parts() -> (String, &'static str) {
    let (before, after) = TINY.split_once("formula overlong").expect("the formula");
    let (formula, after) = after.split_once("penalty").expect("the penalty");
    let formula = format!("formula overlong{formula}");
    (format!("{before}IMPORT\npenalty{after}"), Box::leak(formula.into_boxed_str()))
}

fn write(folder: &Path, recipe: &str, import: &str) {
    std::fs::write(folder.join("a.recipe"), recipe.replace("IMPORT", import)).expect("a recipe");
}

#[test]
fn an_address_is_read_by_its_digest_and_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let (recipe, formula) = parts();
    let Server { address, asked } = server(formula);
    let digest = blake3::hash(formula.as_bytes()).to_hex().to_string();

    // Without a digest: the message holds the digest to write, if it may look.
    write(here, &recipe, &format!("import \"{address}\""));
    let (code, _, err) = said(&["check", "a.recipe"], here, &[]);
    assert!(code == 1 && err.contains("recipe::compose::bad_digest") && err.contains("--allow-network"), "{err}");
    assert_eq!(asked.load(Ordering::SeqCst), 0, "nothing is fetched unless it is allowed");
    let (code, _, err) = said(&["check", "--allow-network", "a.recipe"], here, &[]);
    assert!(code == 1 && err.contains(&format!("blake3 \"{digest}\"")), "{err}");

    // With the digest of something else.
    let wrong = "0".repeat(64);
    write(here, &recipe, &format!("import \"{address}\" blake3 \"{wrong}\""));
    let (code, _, err) = said(&["check", "--allow-network", "a.recipe"], here, &[]);
    assert!(code == 1 && err.contains("recipe::compose::file_not_read") && err.contains(&digest), "{err}");
    assert!(!here.join("cache").exists(), "what is not what was asked for is not kept");

    // With its digest: once, then from the cache.
    write(here, &recipe, &format!("import \"{address}\" blake3 \"{digest}\""));
    let before = asked.load(Ordering::SeqCst);
    let (code, _, err) = said(&["check", "a.recipe"], here, &[]);
    assert!(code == 1 && err.contains("not in the cache"), "{err}");
    let (code, hash, err) = said(&["hash", "--allow-network", "a.recipe"], here, &[]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(asked.load(Ordering::SeqCst), before + 1);
    let (code, again, err) = said(&["hash", "a.recipe"], here, &[]);
    assert_eq!((code, &again), (0, &hash), "{err}");
    assert_eq!(asked.load(Ordering::SeqCst), before + 1, "it was kept");
    std::fs::write(here.join("tiny.recipe"), TINY).expect("a recipe");
    assert_eq!(said(&["hash", "tiny.recipe"], here, &[]).1, hash, "the same meaning in one file");
    // The layout keeps the digest where it stands.
    let (code, _, err) = said(&["fmt", "a.recipe"], here, &[]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(said(&["hash", "a.recipe"], here, &[]).1, hash);

    // A cache that was tampered with.
    let kept = here.join("cache/imports").join(format!("{digest}.recipe"));
    std::fs::write(&kept, format!("{formula} ")).expect("a file");
    let (code, _, err) = said(&["check", "a.recipe"], here, &[]);
    assert!(code == 1 && err.contains("was changed"), "{err}");
}

#[test]
fn what_is_no_digest_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let (recipe, formula) = parts();
    std::fs::write(here.join("part.recipe"), formula).expect("a file");
    for (import, word) in [
        ("import \"https://example.org/a.recipe\" blake3 \"abc\"", "64 hexadecimal digits"),
        ("import \"part.recipe\" blake3 \"abc\"", "needs no digest"),
        (&format!("import \"ftp://example.org/a.recipe\" blake3 \"{}\"", "0".repeat(64)), "https://"),
        (&format!("import \"git+file:///etc@main#passwd\" blake3 \"{}\"", "0".repeat(64)), "git+https://"),
    ] {
        write(here, &recipe, import);
        let (code, _, err) = said(&["check", "--allow-network", "a.recipe"], here, &[]);
        assert!(code == 1 && err.contains(word), "{import}: {err}");
    }
}

#[test]
fn a_revision_of_git() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let (recipe, formula) = parts();
    let repository = here.join("repository");
    std::fs::create_dir_all(repository.join("parts")).expect("a folder");
    std::fs::write(repository.join("parts/overlong.recipe"), formula).expect("a file");
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"];
        let output = Command::new("git").arg("-C").arg(&repository).args(identity).args(arguments).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !(git(&["init", "--quiet", "-b", "main"]) && git(&["add", "-A"]) && git(&["commit", "--quiet", "-m", "a part"]))
    {
        eprintln!("this machine has no git: nothing was fetched");
        return;
    }
    let digest = blake3::hash(formula.as_bytes()).to_hex();
    write(
        here,
        &recipe,
        &format!("import \"git+https://git.example/a@main#parts/overlong.recipe\" blake3 \"{digest}\""),
    );
    let instead = [
        ("GIT_CONFIG_COUNT", "1".to_string()),
        ("GIT_CONFIG_KEY_0", format!("url.file://{}.insteadOf", repository.display())),
        ("GIT_CONFIG_VALUE_0", "https://git.example/a".to_string()),
    ];
    let (code, _, err) = said(&["check", "--allow-network", "a.recipe"], here, &instead);
    assert_eq!(code, 0, "{err}");
    let (code, _, err) = said(&["check", "a.recipe"], here, &[]);
    assert_eq!(code, 0, "from the cache: {err}");
}

/// A fetched file reads nothing of this machine.
#[test]
fn a_fetched_file_reads_no_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let text = "import \"secret.recipe\"\n";
    let Server { address, .. } = server(text);
    std::fs::write(here.join("secret.recipe"), "formula f(n: tokens) -> reward = 0\n").expect("a file");
    let digest = blake3::hash(text.as_bytes()).to_hex();
    write(here, &parts().0, &format!("extends \"{address}\" blake3 \"{digest}\""));
    let (code, _, err) = said(&["check", "--allow-network", "a.recipe"], here, &[]);
    assert!(code == 1 && err.contains("was fetched, and reads nothing of this machine"), "{err}");
}
