//! The roles: one that may append and read, and the logins that are its members.

use std::time::Duration;

use jangbu_runtime::ports::StoreError;
use sqlx::{Executor, PgConnection};

use super::{MigrateError, check_name, failed};

/// Roles belong to the whole server, so two databases that migrate at once meet here.
const ATTEMPTS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(30);

/// A login of the application.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// Its name.
    pub name: String,
    /// Its password; none where the server trusts whoever reaches it.
    pub password: Option<String>,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

pub(super) async fn make(
    connection: &mut PgConnection,
    app_role: &str,
    login: Option<&Login>,
) -> Result<(), MigrateError> {
    make_role(connection, app_role, "NOLOGIN").await?;
    if let Some(login) = login {
        check_name(&login.name)?;
        let password = login
            .password
            .as_deref()
            .map_or_else(String::new, |password| {
                format!(" PASSWORD '{}'", password.replace('\'', "''"))
            });
        make_role(connection, &login.name, &format!("LOGIN{password}")).await?;
        let member = format!(
            "SELECT FROM pg_auth_members WHERE roleid = '{app_role}'::regrole AND member = '{}'::regrole",
            login.name
        );
        unless(
            connection,
            &member,
            &format!("GRANT {app_role} TO {}", login.name),
        )
        .await?;
    }
    Ok(())
}

async fn make_role(
    connection: &mut PgConnection,
    role: &str,
    attributes: &str,
) -> Result<(), StoreError> {
    let known = format!("SELECT FROM pg_roles WHERE rolname = '{role}'");
    unless(
        connection,
        &known,
        &format!("CREATE ROLE {role} {attributes}"),
    )
    .await
}

/// Runs a statement unless a query finds something; whoever does the same at this moment may win.
async fn unless(connection: &mut PgConnection, known: &str, sql: &str) -> Result<(), StoreError> {
    let mut attempt = 1;
    loop {
        let found = sqlx::query(known).fetch_optional(&mut *connection).await;
        if found
            .map_err(|error| failed("look at the roles", error))?
            .is_some()
        {
            return Ok(());
        }
        match connection.execute(sql).await {
            Ok(_) => return Ok(()),
            Err(error) if attempt >= ATTEMPTS => return Err(failed("make the roles", error)),
            Err(_) => tokio::time::sleep(PAUSE * attempt).await,
        }
        attempt += 1;
    }
}
