//! One kind of aggregate without its type: how the engine reads its commands, holds its state and lets it decide.

use std::any::Any;
use std::sync::Arc;

use event_schemas::EventList;
use kernel::Aggregate;
use schemars::{Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::variant;
use crate::execute::Command;
use crate::root::Root;

mod instance;

pub use instance::{Decided, Deciding, Instance, Said};

/// A kind of aggregate, its type forgotten.
pub trait Kind: Send + Sync {
    /// Its name: stream, topic, URL segment, metric label.
    fn name(&self) -> &'static str;
    /// Whether only policies and workers give this command.
    fn is_for_policies(&self, command: &str) -> bool;
    /// The id's canonical text.
    ///
    /// # Errors
    /// In words, what an id of this kind looks like.
    fn read_id(&self, text: &str) -> Result<String, String>;
    /// Reads a command from its name and its JSON body.
    ///
    /// # Errors
    /// [`UnreadableCommand`] names the field.
    fn read_command(&self, id: &str, name: &str, body: &[u8])
    -> Result<Command, UnreadableCommand>;
    /// A typed command of this kind, for callers inside the process; none if it is of another kind.
    fn command(&self, id: &str, command: &dyn Any) -> Option<Command>;
    /// The commands with the schemas of their bodies; none where the kind does not tell.
    fn commands(&self, generator: &mut SchemaGenerator) -> Vec<CommandSchema>;
    /// The schema of its rejections: `{type, …fields}`.
    fn rejections(&self, generator: &mut SchemaGenerator) -> Option<Schema>;
    /// The names and versions of its events, as far as it tells.
    fn events(&self) -> &'static [event_schemas::EventType];
    /// A fresh one, to which nothing has happened.
    fn blank(&self) -> Box<dyn Instance>;
    /// Digest of the state's schema; snapshots of another are dropped.
    fn state_schema(&self) -> [u8; 32];
    /// One from a snapshot; none if it is not of today's shape.
    fn restore(&self, state: &[u8]) -> Option<Box<dyn Instance>>;
}

/// A command's name and the schema of its body.
#[derive(Clone, Debug)]
pub struct CommandSchema {
    /// Kebab case.
    pub name: String,
    /// The schema of its JSON body.
    pub body: Schema,
    /// Whether only policies and workers give it.
    pub for_policies: bool,
}

/// Why a command cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableCommand {
    /// The aggregate has no such command.
    #[error("{aggregate} has no command {name:?}")]
    Unknown {
        /// The aggregate's name.
        aggregate: &'static str,
        /// The name that was asked for.
        name: String,
    },
    /// The body is no JSON.
    #[error("the body is no JSON: {message}")]
    NoJson {
        /// What the parser says.
        message: String,
    },
    /// The body is JSON of another shape.
    #[error("{message}")]
    Malformed {
        /// Where: `lines[0].quantity`; empty for the body itself.
        path: String,
        /// What is wrong there.
        message: String,
    },
}

/// One of our own aggregates.
pub(super) fn ours<A: Aggregate>() -> Arc<dyn Kind> {
    let schema = schemars::schema_for!(A);
    let text = serde_json::to_vec(&schema).expect("a schema is JSON");
    Arc::new(Ours::<A> {
        state_schema: Sha256::new()
            .chain_update(text)
            .chain_update(A::STATE_VERSION.to_be_bytes())
            .finalize()
            .into(),
        names: command_names::<A::Command>(),
        kind: std::marker::PhantomData,
    })
}

struct Ours<A> {
    state_schema: [u8; 32],
    names: Vec<String>,
    kind: std::marker::PhantomData<fn() -> A>,
}

impl<A: Aggregate> Kind for Ours<A> {
    fn name(&self) -> &'static str {
        A::NAME
    }

    fn is_for_policies(&self, command: &str) -> bool {
        A::FOR_POLICIES.contains(&command)
    }

    fn read_id(&self, text: &str) -> Result<String, String> {
        let id: A::Id = text
            .parse()
            .map_err(|why: <A::Id as std::str::FromStr>::Err| why.to_string())?;
        Ok(id.to_string())
    }

    fn read_command(
        &self,
        id: &str,
        name: &str,
        body: &[u8],
    ) -> Result<Command, UnreadableCommand> {
        if !self.names.iter().any(|known| known == name) {
            return Err(UnreadableCommand::Unknown {
                aggregate: A::NAME,
                name: name.to_owned(),
            });
        }
        read_variant::<A::Command>(name, body).map(|command| erase(A::NAME, id, command))
    }

    fn command(&self, id: &str, command: &dyn Any) -> Option<Command> {
        command
            .downcast_ref::<A::Command>()
            .map(|command| erase(A::NAME, id, command.clone()))
    }

    fn commands(&self, generator: &mut SchemaGenerator) -> Vec<CommandSchema> {
        let mut commands = command_schemas::<A::Command>(generator);
        for command in &mut commands {
            command.for_policies = self.is_for_policies(&command.name);
        }
        commands
    }

    fn rejections(&self, generator: &mut SchemaGenerator) -> Option<Schema> {
        Some(generator.subschema_for::<A::Rejection>())
    }

    fn events(&self) -> &'static [event_schemas::EventType] {
        A::Event::EVENTS
    }

    fn blank(&self) -> Box<dyn Instance> {
        Box::new(instance::Ours::<A>(Root::default()))
    }

    fn state_schema(&self) -> [u8; 32] {
        self.state_schema
    }

    fn restore(&self, state: &[u8]) -> Option<Box<dyn Instance>> {
        serde_json::from_slice(state)
            .ok()
            .map(|root| Box::new(instance::Ours::<A>(root)) as Box<dyn Instance>)
    }
}

/// An aggregate written for plain cqrs-es.
pub(super) fn plain<A>(services: A::Services) -> Arc<dyn Kind>
where
    A: cqrs_es::Aggregate + 'static,
    A::Command: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
    A::Services: 'static,
    A::Event: 'static,
{
    let shape = serde_json::to_vec(&A::default()).unwrap_or_default();
    Arc::new(Plain::<A> {
        services: Arc::new(services),
        state_schema: Sha256::new()
            .chain_update(std::any::type_name::<A>())
            .chain_update(shape)
            .finalize()
            .into(),
    })
}

struct Plain<A: cqrs_es::Aggregate> {
    services: Arc<A::Services>,
    state_schema: [u8; 32],
}

impl<A> Kind for Plain<A>
where
    A: cqrs_es::Aggregate + 'static,
    A::Command: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
    A::Services: 'static,
    A::Event: 'static,
{
    fn name(&self) -> &'static str {
        A::TYPE
    }

    fn is_for_policies(&self, _: &str) -> bool {
        false
    }

    fn read_id(&self, text: &str) -> Result<String, String> {
        Ok(text.to_owned())
    }

    fn read_command(
        &self,
        id: &str,
        name: &str,
        body: &[u8],
    ) -> Result<Command, UnreadableCommand> {
        match read_variant::<A::Command>(name, body) {
            Err(UnreadableCommand::Malformed { path, message })
                if path.is_empty() && message.starts_with("unknown variant") =>
            {
                Err(UnreadableCommand::Unknown {
                    aggregate: A::TYPE,
                    name: name.to_owned(),
                })
            }
            read => read.map(|command| erase(A::TYPE, id, command)),
        }
    }

    fn command(&self, id: &str, command: &dyn Any) -> Option<Command> {
        command
            .downcast_ref::<A::Command>()
            .map(|command| erase(A::TYPE, id, command.clone()))
    }

    fn commands(&self, _: &mut SchemaGenerator) -> Vec<CommandSchema> {
        Vec::new()
    }

    fn rejections(&self, _: &mut SchemaGenerator) -> Option<Schema> {
        None
    }

    fn events(&self) -> &'static [event_schemas::EventType] {
        &[]
    }

    fn blank(&self) -> Box<dyn Instance> {
        Box::new(instance::Plain::<A> {
            state: A::default(),
            services: Arc::clone(&self.services),
        })
    }

    fn state_schema(&self) -> [u8; 32] {
        self.state_schema
    }

    fn restore(&self, state: &[u8]) -> Option<Box<dyn Instance>> {
        let state = serde_json::from_slice(state).ok()?;
        Some(Box::new(instance::Plain::<A> {
            state,
            services: Arc::clone(&self.services),
        }))
    }
}

/// Forgets a command's type, and takes the digest of its meaning. What cannot be serialised cannot be told from
/// another, so its digest is of its name alone.
pub(super) fn erase<C: Serialize + Send + Sync + 'static>(
    aggregate: &str,
    id: &str,
    command: C,
) -> Command {
    let name = serde_variant::to_variant_name(&command).unwrap_or("command");
    let body =
        event_schemas::personal::without(|| serde_json::to_vec(&command)).unwrap_or_default();
    Command {
        name,
        digest: crate::hash::command(aggregate, id, name, &body),
        body: Arc::new(command),
    }
}

fn read_variant<C: DeserializeOwned>(name: &str, body: &[u8]) -> Result<C, UnreadableCommand> {
    variant::read(name, body).map_err(|misread| {
        if misread.is_json {
            UnreadableCommand::Malformed {
                path: misread.path,
                message: misread.message,
            }
        } else {
            UnreadableCommand::NoJson {
                message: misread.message,
            }
        }
    })
}

fn command_names<C: schemars::JsonSchema>() -> Vec<String> {
    let mut generator = SchemaGenerator::default();
    command_schemas::<C>(&mut generator)
        .into_iter()
        .map(|command| command.name)
        .collect()
}

/// The schema of an enum of struct variants is `oneOf: [{properties: {<name>: <body>}}, …]`: one body per command.
fn command_schemas<C: schemars::JsonSchema>(generator: &mut SchemaGenerator) -> Vec<CommandSchema> {
    let schema = C::json_schema(generator);
    let variants = schema
        .get("oneOf")
        .and_then(|variants| variants.as_array())
        .cloned()
        .unwrap_or_default();
    variants
        .into_iter()
        .filter_map(|variant| {
            let doc = variant.get("description").cloned();
            let (name, body) = variant.get("properties")?.as_object()?.iter().next()?;
            let mut body = Schema::try_from(body.clone()).ok()?;
            if let Some(doc) = doc {
                body.insert("description".to_owned(), doc);
            }
            Some(CommandSchema {
                name: name.clone(),
                body,
                for_policies: false,
            })
        })
        .collect()
}
