//! Stock as a user of cqrs-es writes it: a plain enum of events, the same rules, no adapter in between.

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent, EventEnvelope, View};
use event_schemas::StockEvent;
use event_schemas::stock::{
    StockDispatched, StockHeld, StockReceived, StockReleased, StockReturned, StockShort,
};
use inventory::{Stock, StockCommand, StockRejection};
use kernel::{Aggregate as _, Context, Outcome};
use projections::StockLevel;
use serde::{Deserialize, Serialize};

/// The aggregate: the mall's own rules, as cqrs-es wants to call them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PlainStock(Stock);

/// What it says, in the shape cqrs-es stores: the events of event-schemas under their own names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(
    clippy::enum_variant_names,
    reason = "the events bear the names that are stored"
)]
pub enum PlainEvent {
    StockReceived(StockReceived),
    StockHeld(StockHeld),
    StockShort(StockShort),
    StockReleased(StockReleased),
    StockDispatched(StockDispatched),
    StockReturned(StockReturned),
}

impl From<StockEvent> for PlainEvent {
    fn from(event: StockEvent) -> Self {
        match event {
            StockEvent::StockReceived(event) => Self::StockReceived(event),
            StockEvent::StockHeld(event) => Self::StockHeld(event),
            StockEvent::StockShort(event) => Self::StockShort(event),
            StockEvent::StockReleased(event) => Self::StockReleased(event),
            StockEvent::StockDispatched(event) => Self::StockDispatched(event),
            StockEvent::StockReturned(event) => Self::StockReturned(event),
        }
    }
}

impl From<PlainEvent> for StockEvent {
    fn from(event: PlainEvent) -> Self {
        match event {
            PlainEvent::StockReceived(event) => Self::StockReceived(event),
            PlainEvent::StockHeld(event) => Self::StockHeld(event),
            PlainEvent::StockShort(event) => Self::StockShort(event),
            PlainEvent::StockReleased(event) => Self::StockReleased(event),
            PlainEvent::StockDispatched(event) => Self::StockDispatched(event),
            PlainEvent::StockReturned(event) => Self::StockReturned(event),
        }
    }
}

impl DomainEvent for PlainEvent {
    fn event_type(&self) -> String {
        let name = match self {
            Self::StockReceived(_) => "StockReceived",
            Self::StockHeld(_) => "StockHeld",
            Self::StockShort(_) => "StockShort",
            Self::StockReleased(_) => "StockReleased",
            Self::StockDispatched(_) => "StockDispatched",
            Self::StockReturned(_) => "StockReturned",
        };
        name.to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

/// A command with what it may know of the world.
#[derive(Clone, Debug)]
pub struct PlainCommand {
    /// The command.
    pub command: StockCommand,
    /// Time, actor, command id.
    pub context: Context,
}

/// A rejection.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct PlainRejection(StockRejection);

impl Aggregate for PlainStock {
    const TYPE: &'static str = "stock";
    type Command = PlainCommand;
    type Event = PlainEvent;
    type Error = PlainRejection;
    type Services = ();

    async fn handle(
        &mut self,
        command: PlainCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), PlainRejection> {
        match self
            .0
            .decide(command.command, &command.context)
            .into_outcome()
        {
            Outcome::Says(events) => {
                for event in events {
                    sink.write(event.into(), self).await;
                }
                Ok(())
            }
            Outcome::Nothing => Ok(()),
            Outcome::Refused(why) => Err(PlainRejection(why)),
        }
    }

    fn apply(&mut self, event: PlainEvent) {
        self.0.apply(&event.into());
    }
}

/// The view that ours shows as `stock_levels`, as a view of cqrs-es.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PlainLevel(pub StockLevel);

impl View<PlainStock> for PlainLevel {
    fn update(&mut self, event: &EventEnvelope<PlainStock>) {
        let row = &mut self.0;
        match &event.payload {
            PlainEvent::StockReceived(e) => row.on_hand += e.quantity.get(),
            PlainEvent::StockHeld(e) => row.held += e.quantity.get(),
            PlainEvent::StockShort(_) => {}
            PlainEvent::StockReleased(e) => row.held = row.held.saturating_sub(e.quantity.get()),
            PlainEvent::StockDispatched(e) => {
                row.held = row.held.saturating_sub(e.quantity.get());
                row.on_hand = row.on_hand.saturating_sub(e.quantity.get());
            }
            PlainEvent::StockReturned(e) => row.on_hand += e.quantity.get(),
        }
        row.available = row.on_hand.saturating_sub(row.held);
    }
}
