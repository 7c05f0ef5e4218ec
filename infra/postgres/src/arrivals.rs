//! Hearing of what was appended: NOTIFY out, LISTEN in, and a poll for when the listener is down.
//!
//! NOTIFY takes a lock on the whole database at commit, so it never stands in the append: one task tells the others the
//! newest position, on a session of its own, at most every few milliseconds.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::query;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::postgres::Shared;
use crate::session::Session;

/// Between two announcements. The first after a pause goes at once.
const ANNOUNCE_PAUSE: Duration = Duration::from_millis(10);
/// Between two looks at the head while nobody tells us: from busy to idle.
const POLL_BUSY: Duration = Duration::from_millis(5);
const POLL_IDLE: Duration = Duration::from_millis(200);
/// A look at the head now and then also while the listener stands: a notification is only a hint.
const POLL_WHILE_LISTENING: Duration = Duration::from_secs(2);
/// For the listener to connect.
const LISTEN_DEADLINE: Duration = Duration::from_secs(5);
/// Between two attempts to listen again.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

pub(crate) fn start(shared: &Arc<Shared>, closing: &CancellationToken, tasks: &TaskTracker) {
    let until_closed = |task: futures::future::BoxFuture<'static, ()>| {
        let closing = closing.clone();
        tasks.spawn(async move {
            let _ = closing.run_until_cancelled(task).await;
        });
    };
    until_closed(Box::pin(tell(Arc::clone(shared))));
    until_closed(Box::pin(hear(Arc::clone(shared))));
}

fn channel(schema: &str) -> String {
    format!("jangbu_{schema}")
}

/// Tells other processes how far the store reaches, whenever somebody here announced it.
async fn tell(shared: Arc<Shared>) {
    let mut announced = shared.announced.subscribe();
    let mut session = None;
    while announced.changed().await.is_ok() {
        let position = *announced.borrow_and_update();
        if let Err(error) = notify(&shared, &mut session, position).await {
            // The others look by themselves now and then.
            tracing::debug!(%error, position, "other processes could not be told of an append");
            session = None;
        }
        tokio::time::sleep(ANNOUNCE_PAUSE).await;
    }
}

async fn notify(
    shared: &Shared,
    session: &mut Option<Session>,
    position: u64,
) -> Result<(), jangbu_runtime::ports::StoreError> {
    let session = match session {
        Some(session) if !session.is_broken() => session,
        none => {
            let mut opened = shared.door.open().await?;
            // A notification is a transaction with a record of its own; nobody need wait for the disk to have it.
            opened.command("SET synchronous_commit = off").await?;
            none.insert(opened)
        }
    };
    let notify = query("SELECT pg_notify($1, $2)")
        .bind(channel(&shared.schema))
        .bind(position.to_string());
    session.execute("announce", notify).await.map(|_| ())
}

/// Listens; looks at the head whenever the listener had to be made anew, often while there is none.
async fn hear(shared: Arc<Shared>) {
    loop {
        if let Ok(mut listener) = listen(&shared).await {
            look(&shared).await;
            heed(&shared, &mut listener).await;
            tracing::warn!("the listener for appends was lost; looking at the head instead");
        }
        poll(&shared, LISTEN_AGAIN).await;
    }
}

async fn listen(shared: &Shared) -> Result<PgListener, sqlx::Error> {
    // The listener makes its own connection; it carries hints only, so it need not be made sure of.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(LISTEN_DEADLINE)
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_with(shared.door.options.clone())
        .await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    // A lost connection is to be told of at once, so that polling begins.
    listener.eager_reconnect(false);
    listener.listen(&channel(&shared.schema)).await?;
    Ok(listener)
}

/// Takes notifications until the connection is lost.
async fn heed(shared: &Shared, listener: &mut PgListener) {
    loop {
        let told = {
            let notification = std::pin::pin!(listener.try_recv());
            let pause = std::pin::pin!(tokio::time::sleep(POLL_WHILE_LISTENING));
            match select(notification, pause).await {
                Either::Left((Ok(Some(notification)), _)) => notification.payload().parse().ok(),
                Either::Left(_) => return,
                Either::Right(_) => None,
            }
        };
        match told {
            Some(position) => {
                shared.known().arrived(position);
            }
            None => {
                look(shared).await;
            }
        }
    }
}

/// Looks at the head for a while, the less often the less there is to see.
async fn poll(shared: &Shared, duration: Duration) {
    let until = tokio::time::Instant::now() + duration;
    let mut pause = POLL_BUSY;
    while tokio::time::Instant::now() < until {
        pause = if look(shared).await {
            POLL_BUSY
        } else {
            (pause * 2).min(POLL_IDLE)
        };
        tokio::time::sleep(pause).await;
    }
}

/// True if the head had moved.
async fn look(shared: &Shared) -> bool {
    shared
        .head()
        .await
        .is_ok_and(|head| shared.known().arrived(head.position))
}
