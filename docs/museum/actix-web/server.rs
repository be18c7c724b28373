use std::time::Duration;

use actix_web::{App, HttpServer, web};

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    HttpServer::new(|| App::new().route("/", web::to(|| async { "hello\n" })))
        .workers(1)
        .keep_alive(Duration::from_secs(75))
        .bind(("127.0.0.1", 3000))?
        .run()
        .await
}
