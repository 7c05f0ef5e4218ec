//! The words the tests of Order tell their stories in.
#![expect(
    dead_code,
    reason = "each test file tells its story with some of the words"
)]

use event_schemas::order::{
    CancellationReason, OrderCancellationRefused, OrderCancellationRequested, OrderCancelled,
    OrderCompleted, OrderConfirmed, OrderDeliveryFailed, OrderDeliveryRetried, OrderLine,
    OrderLineSecured, OrderPlaced, OrderShipped, OrderStockSecured,
};
use event_schemas::{
    Address, AddressLine, Currency, CustomerId, Money, Note, OrderEvent, Personal, Quantity, Sku,
};
use order::{Line, OrderCommand};
use uuid::Uuid;

pub const ANNE: CustomerId = CustomerId::new(Uuid::from_u128(1));
pub const BEN: CustomerId = CustomerId::new(Uuid::from_u128(2));

pub fn won(amount: i64) -> Money {
    Money::new(amount, Currency::KRW).expect("a test pays what can be paid")
}

pub fn sku(text: &str) -> Sku {
    Sku::new(text).expect("a test names real goods")
}

pub fn tea() -> Sku {
    sku("tea")
}

pub fn cup() -> Sku {
    sku("cup")
}

pub fn note(text: &str) -> Note {
    Note::new(text).expect("a test is short of words")
}

pub fn home(street: &str) -> Personal<Address> {
    let line = |text: &str| AddressLine::new(text).expect("a test lives somewhere");
    Personal::Open(Address {
        recipient: line("Anne"),
        street: line(street),
        city: line("Seoul"),
        postcode: line("03154"),
        country: "KR".parse().expect("a country"),
    })
}

pub fn jongno() -> Personal<Address> {
    home("1 Jongno")
}

pub fn line(text: &str, quantity: u64, price: i64) -> Line {
    Line {
        sku: sku(text),
        quantity: Quantity::new(quantity).expect("a test counts in quantities"),
        unit_price: won(price),
    }
}

/// Two teas at 1,000 and a cup at 5,000.
pub fn tea_and_cup() -> Vec<Line> {
    vec![line("tea", 2, 1_000), line("cup", 1, 5_000)]
}

pub fn lines() -> Vec<OrderLine> {
    tea_and_cup().into_iter().map(OrderLine::from).collect()
}

pub fn place(lines: Vec<Line>) -> OrderCommand {
    OrderCommand::Place {
        customer: ANNE,
        lines,
        ship_to: jongno(),
    }
}

pub fn placed() -> OrderPlaced {
    OrderPlaced {
        customer: ANNE,
        lines: lines(),
        total: won(7_000),
        ship_to: jongno(),
        catalogue_position: None,
    }
}

pub fn line_secured(sku: Sku) -> OrderLineSecured {
    OrderLineSecured { sku }
}

pub fn stock_secured() -> OrderStockSecured {
    OrderStockSecured {
        customer: ANNE,
        total: won(7_000),
    }
}

pub fn confirmed() -> OrderConfirmed {
    OrderConfirmed {
        customer: ANNE,
        lines: lines(),
        ship_to: jongno(),
        total: won(7_000),
    }
}

pub fn shipped() -> OrderShipped {
    OrderShipped {
        customer: ANNE,
        lines: lines(),
    }
}

pub fn delivery_failed() -> OrderDeliveryFailed {
    OrderDeliveryFailed {
        reason: note("nobody there"),
    }
}

pub fn retried() -> OrderDeliveryRetried {
    OrderDeliveryRetried {
        customer: ANNE,
        lines: lines(),
        ship_to: jongno(),
    }
}

pub fn completed() -> OrderCompleted {
    OrderCompleted {
        customer: ANNE,
        total: won(7_000),
    }
}

pub fn cancellation_requested() -> OrderCancellationRequested {
    OrderCancellationRequested {
        note: Some(note("too late")),
    }
}

pub fn cancellation_refused() -> OrderCancellationRefused {
    OrderCancellationRefused {}
}

/// Cancelled before it was paid.
pub fn cancelled(reason: CancellationReason) -> OrderCancelled {
    OrderCancelled {
        customer: ANNE,
        lines: lines(),
        reason,
        note: None,
        was_confirmed: false,
        parcel_out: false,
    }
}

/// Histories that end in a state, each with the whole way there.
pub mod until {
    use super::*;

    pub fn placed() -> Vec<OrderEvent> {
        vec![super::placed().into()]
    }

    pub fn stock_secured() -> Vec<OrderEvent> {
        then(
            placed(),
            [
                line_secured(tea()).into(),
                line_secured(cup()).into(),
                super::stock_secured().into(),
            ],
        )
    }

    pub fn confirmed() -> Vec<OrderEvent> {
        then(stock_secured(), [super::confirmed().into()])
    }

    pub fn cancelling() -> Vec<OrderEvent> {
        then(confirmed(), [cancellation_requested().into()])
    }

    pub fn shipped() -> Vec<OrderEvent> {
        then(confirmed(), [super::shipped().into()])
    }

    /// The customer wanted to cancel while the parcel left; delivery has not answered yet.
    pub fn shipped_while_cancelling() -> Vec<OrderEvent> {
        then(cancelling(), [super::shipped().into()])
    }

    pub fn delivery_failed() -> Vec<OrderEvent> {
        then(shipped(), [super::delivery_failed().into()])
    }

    pub fn completed() -> Vec<OrderEvent> {
        then(shipped(), [super::completed().into()])
    }

    pub fn cancelled() -> Vec<OrderEvent> {
        then(
            placed(),
            [super::cancelled(CancellationReason::Customer).into()],
        )
    }

    pub fn then<const N: usize>(
        mut history: Vec<OrderEvent>,
        more: [OrderEvent; N],
    ) -> Vec<OrderEvent> {
        history.extend(more);
        history
    }

    /// Every state an order can be in.
    pub fn each_state() -> Vec<Vec<OrderEvent>> {
        vec![
            placed(),
            stock_secured(),
            confirmed(),
            cancelling(),
            shipped(),
            delivery_failed(),
            completed(),
            cancelled(),
        ]
    }
}

/// Histories of orders that are in none of these states.
pub fn all_but(states: &[order::State]) -> Vec<Vec<OrderEvent>> {
    until::each_state()
        .into_iter()
        .filter(|history| {
            let state = kernel::kit::given::<order::Order>(history.clone())
                .state()
                .state();
            !states.contains(&state.expect("each was placed"))
        })
        .collect()
}
