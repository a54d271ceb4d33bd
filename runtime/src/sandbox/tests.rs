use super::*;

#[test]
fn hello() {
    let mut worker = Worker::start().unwrap();
    let limits = Limits::with_cpu(2.0);
    let out = worker.run("print(int(input())+1)", Task::Script { input: "41\n" }, &limits).unwrap();
    println!("{out:?} {}", String::from_utf8_lossy(&out.stderr));
    let begun = std::time::Instant::now();
    for _ in 0..200 { worker.run("print(int(input())+1)", Task::Script { input: "41\n" }, &limits).unwrap(); }
    println!("{:?}", begun.elapsed() / 200);
}
