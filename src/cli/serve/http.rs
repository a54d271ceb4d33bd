//! What the service answers:
//!
//! | request | answer |
//! | --- | --- |
//! | `POST /verify/DOMAIN` with a case | its answer, as `recipec verify` prints it |
//! | the same with a list of cases | the list of their answers, in order |
//! | `GET /health` | `{"status": "ok", "waiting": 3, "limit": 4096}` |
//! | `GET /metrics` | counters for Prometheus |
//!
//! 400: not JSON; 404: no such domain; 408: the request did not come in time; 413: too long, or more cases than the queue
//! holds; 429: no room now, with `Retry-After`. Every refusal is `{"error": "…"}`.

use super::pool::{Full, Pool};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use recipec_runtime::verify::cases::Domain;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::unbounded_channel;

/// A request must have come in full after this long. It says nothing of judging, whose limits count work.
const PATIENCE: Duration = Duration::from_secs(30);

/// Limits of requests.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest body in bytes.
    pub body: usize,
    /// Most requests that are read or answered at a time.
    pub requests: usize,
}

struct Service {
    pool: Arc<Pool>,
    limits: Limits,
    places: Semaphore,
}

/// The routes of the service.
pub fn routes(pool: Arc<Pool>, limits: Limits) -> Router {
    let service = Arc::new(Service { pool, limits, places: Semaphore::new(limits.requests) });
    Router::new()
        .route("/verify/{domain}", post(verify))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .fallback(|| async { refusal(StatusCode::NOT_FOUND, "there are /verify/DOMAIN, /health and /metrics") })
        .with_state(service)
}

fn answer(code: StatusCode, body: String) -> Response {
    (code, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn refusal(code: StatusCode, why: &str) -> Response {
    answer(code, json!({ "error": why }).to_string())
}

fn busy(why: &str) -> Response {
    let mut response = refusal(StatusCode::TOO_MANY_REQUESTS, why);
    response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    response
}

async fn health(State(service): State<Arc<Service>>) -> Response {
    let (waiting, limit) = (service.pool.waiting(), service.pool.capacity());
    answer(StatusCode::OK, json!({ "status": "ok", "waiting": waiting, "limit": limit }).to_string())
}

async fn metrics(State(service): State<Arc<Service>>) -> Response {
    let text = service.pool.metrics.text(service.pool.waiting(), service.pool.capacity());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

async fn verify(State(service): State<Arc<Service>>, Path(domain): Path<String>, request: Request) -> Response {
    let response = judged(&service, &domain, request.into_body()).await.unwrap_or_else(|refused| refused);
    service.pool.metrics.answered(response.status().as_u16());
    response
}

async fn judged(service: &Service, domain: &str, body: Body) -> Result<Response, Response> {
    let domain = Domain::named(domain).ok_or_else(|| {
        refusal(StatusCode::NOT_FOUND, &format!("there is no domain `{domain}`; there are {}", Domain::names()))
    })?;
    let _place = service.places.try_acquire().map_err(|_| busy("too many requests at a time"))?;
    let body = match tokio::time::timeout(PATIENCE, to_bytes(body, service.limits.body)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            let why = format!("the request is broken, or longer than {} bytes", service.limits.body);
            return Err(refusal(StatusCode::PAYLOAD_TOO_LARGE, &why));
        }
        Err(_) => return Err(refusal(StatusCode::REQUEST_TIMEOUT, "the request did not come in time")),
    };
    let read: Value = serde_json::from_slice(&body)
        .map_err(|why| refusal(StatusCode::BAD_REQUEST, &format!("the request is no JSON: {why}")))?;
    drop(body);
    let (cases, is_list) = match read {
        Value::Array(cases) => (cases, true),
        one => (vec![one], false),
    };
    let mut answers = vec![String::new(); cases.len()];
    let (send, mut receive) = unbounded_channel();
    service.pool.judge(domain, cases, &send).map_err(|full| match full {
        Full::Now => busy("the queue is full"),
        Full::Ever => {
            let most = service.pool.capacity();
            refusal(StatusCode::PAYLOAD_TOO_LARGE, &format!("more than {most} cases in one request"))
        }
    })?;
    drop(send);
    let mut missing = answers.len();
    while let Some((place, answer)) = receive.recv().await {
        if let Some(slot) = answers.get_mut(place) {
            *slot = answer;
            missing -= 1;
        }
    }
    if missing > 0 {
        return Err(refusal(StatusCode::SERVICE_UNAVAILABLE, "the service is ending"));
    }
    let body = if is_list { format!("[{}]", answers.join(",")) } else { answers.pop().unwrap_or_default() };
    Ok(answer(StatusCode::OK, body))
}
