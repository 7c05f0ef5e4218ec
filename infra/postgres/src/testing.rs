//! A fresh store on a given server, for tests.

use std::sync::atomic::{AtomicU32, Ordering};

use jangbu_runtime::ports::ViewDefinition;
use sqlx::{Connection, Executor, PgConnection};

use crate::{Login, MigrateOptions, Options, Postgres, migrate};

static HANDED_OUT: AtomicU32 = AtomicU32::new(1);

/// A new database with a migrated store in it.
#[derive(Clone, Debug)]
pub struct Fresh {
    /// As the owner connects.
    pub owner_url: String,
    /// As the application connects: not the owner of anything.
    pub url: String,
}

impl Fresh {
    /// Opens it, as one more process would.
    ///
    /// # Panics
    /// If it cannot be opened.
    pub async fn open(&self) -> Postgres {
        let options = Options {
            check_everything: true,
            ..Options::default()
        };
        Postgres::connect(&self.url, options)
            .await
            .expect("a fresh store opens")
    }
}

/// Makes a database, migrates it, and says where it is.
///
/// # Panics
/// If the server does not play along.
pub async fn fresh(admin_url: &str, views: &[ViewDefinition]) -> Fresh {
    let owner_url = fresh_database(admin_url).await;
    let login = Login {
        name: "jangbu".to_owned(),
        password: Some("jangbu".to_owned()),
    };
    let options = MigrateOptions {
        views: views.to_vec(),
        login: Some(login),
        ..MigrateOptions::default()
    };
    migrate(&owner_url, &options)
        .await
        .expect("a fresh database takes the migration");
    let url = as_login(&owner_url, "jangbu", "jangbu");
    Fresh { owner_url, url }
}

/// A migrated database, opened by its owner.
#[must_use]
pub fn in_place(owner_url: &str) -> Fresh {
    Fresh {
        owner_url: owner_url.to_owned(),
        url: owner_url.to_owned(),
    }
}

/// A fresh store, opened.
///
/// # Panics
/// If the server does not play along.
pub async fn fresh_store(admin_url: &str) -> Postgres {
    fresh(admin_url, &[]).await.open().await
}

/// An empty database; the URL of its owner.
///
/// # Panics
/// If it cannot be made.
pub async fn fresh_database(admin_url: &str) -> String {
    let name = format!(
        "fresh_{}_{}",
        std::process::id(),
        HANDED_OUT.fetch_add(1, Ordering::Relaxed)
    );
    let mut connection = PgConnection::connect(admin_url)
        .await
        .expect("the server is there");
    connection
        .execute(format!("CREATE DATABASE {name}").as_str())
        .await
        .expect("a name nobody has");
    let (server, _) = admin_url
        .rsplit_once('/')
        .expect("a URL ends with the database");
    format!("{server}/{name}")
}

/// The same database, as somebody else.
fn as_login(url: &str, name: &str, password: &str) -> String {
    let (scheme, rest) = url.split_once("://").expect("a URL has a scheme");
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    format!("{scheme}://{name}:{password}@{place}")
}
