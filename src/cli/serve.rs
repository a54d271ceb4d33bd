//! `recipec serve verifiers`: the verifiers over HTTP, for jobs that run elsewhere.

mod http;
mod metrics;
mod pool;

use super::Exit;
use super::say;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Judge cases: `POST /verify/DOMAIN` with a case or a list of them.
    #[command(
        after_help = "Example:\n  recipec serve verifiers --port 8080 &\n  curl localhost:8080/verify/math -d '{\"gold\": \"0.75\", \"prediction\": \"\\\\boxed{3/4}\"}'"
    )]
    Verifiers(Args),
}

#[derive(clap::Args)]
pub struct Args {
    /// The port; 0 lets the system choose, and the first line of output says which.
    #[arg(long)]
    port: u16,
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// Threads that judge; as many as there are cores if absent.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// Most cases that wait or are judged at a time; a request that does not fit is answered with 429.
    #[arg(long, default_value_t = 4_096, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    queue: u32,
    /// Most requests that are read or answered at a time; more are answered with 429.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    requests: u16,
    /// Longest request, in bytes.
    #[arg(long, default_value_t = 16 << 20)]
    max_body: u64,
}

pub fn run(Command::Verifiers(args): &Command) -> Exit {
    let jobs = args.jobs.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let pool = Arc::new(pool::Pool::new(jobs, args.queue as usize));
    let limits = http::Limits {
        body: usize::try_from(args.max_body).unwrap_or(usize::MAX),
        requests: usize::from(args.requests),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build() {
        Ok(runtime) => runtime,
        Err(why) => return failed(&format!("cannot start: {why}")),
    };
    let stop = Arc::new(tokio::sync::Notify::new());
    let signal = Arc::clone(&stop);
    if let Err(why) = ctrlc::set_handler(move || signal.notify_one()) {
        eprintln!("warning: a signal will end the service at once: {why}");
    }
    let served = runtime.block_on(async {
        let address = SocketAddr::new(args.host, args.port);
        let listener = tokio::net::TcpListener::bind(address).await.map_err(|why| (address, why))?;
        let bound = listener.local_addr().map_err(|why| (address, why))?;
        say(&format!("listening on http://{bound}"));
        let app = http::routes(Arc::clone(&pool), limits);
        let ended = axum::serve(listener, app).with_graceful_shutdown(async move { stop.notified().await });
        ended.await.map_err(|why| (bound, why))
    });
    match served {
        Ok(()) => {
            pool.end();
            Exit::Done
        }
        Err((address, why)) if why.kind() == std::io::ErrorKind::AddrInUse => {
            eprintln!("error: {address} is in use; `--port 0` lets the system choose a port");
            Exit::Usage
        }
        Err((address, why)) => failed(&format!("cannot listen on {address}: {why}")),
    }
}

fn failed(why: &str) -> Exit {
    eprintln!("error: {why}");
    Exit::RunFailed
}
