//! An aggregate as cqrs-es's own documentation writes them.

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};
use serde::{Deserialize, Serialize};

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Account {
    pub balance: u64,
}

pub enum AccountCommand {
    Deposit(u64),
    Withdraw(u64),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AccountEvent {
    Deposited(u64),
    Withdrawn(u64),
}

#[derive(Debug)]
pub struct NotEnough;

impl std::fmt::Display for NotEnough {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("there is not enough")
    }
}

impl std::error::Error for NotEnough {}

impl DomainEvent for AccountEvent {
    fn event_type(&self) -> String {
        match self {
            Self::Deposited(_) => "Deposited",
            Self::Withdrawn(_) => "Withdrawn",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

impl Aggregate for Account {
    const TYPE: &'static str = "account";
    type Command = AccountCommand;
    type Event = AccountEvent;
    type Error = NotEnough;
    type Services = ();

    async fn handle(
        &mut self,
        command: AccountCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), NotEnough> {
        match command {
            AccountCommand::Deposit(amount) => {
                sink.write(AccountEvent::Deposited(amount), self).await
            }
            AccountCommand::Withdraw(amount) if amount > self.balance => return Err(NotEnough),
            AccountCommand::Withdraw(amount) => {
                sink.write(AccountEvent::Withdrawn(amount), self).await
            }
        }
        Ok(())
    }

    fn apply(&mut self, event: AccountEvent) {
        match event {
            AccountEvent::Deposited(amount) => self.balance += amount,
            AccountEvent::Withdrawn(amount) => self.balance -= amount,
        }
    }
}
