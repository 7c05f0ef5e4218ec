//! No sequence of commands leads an order where it must not go.

mod mall;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use event_schemas::{EventList, OrderEvent, Quantity};
use kernel::{Aggregate, Command, Outcome, kit};
use mall::*;
use order::State::{
    Cancelled, Cancelling, Completed, Confirmed, DeliveryFailed, Placed, Shipped, StockSecured,
};
use order::{Line, Order, OrderCommand, State};
use proptest::prelude::*;

/// Every way an order may go, and by which event; an order that is not there is in no state.
#[rustfmt::skip]
const WAYS: &[(Option<State>, &str, State)] = &[
    (None,                 "OrderPlaced",                Placed),

    (Some(Placed),         "OrderAddressChanged",        Placed),
    (Some(Placed),         "OrderLineSecured",           Placed),
    (Some(Placed),         "OrderStockSecured",          StockSecured),
    (Some(Placed),         "OrderCancelled",             Cancelled),

    (Some(StockSecured),   "OrderAddressChanged",        StockSecured),
    (Some(StockSecured),   "OrderConfirmed",             Confirmed),
    (Some(StockSecured),   "OrderCancelled",             Cancelled),

    (Some(Confirmed),      "OrderCancellationRequested", Cancelling),
    (Some(Confirmed),      "OrderCancellationRefused",   Confirmed),
    (Some(Confirmed),      "OrderShipped",               Shipped),
    (Some(Confirmed),      "OrderDeliveryFailed",        DeliveryFailed),
    (Some(Confirmed),      "OrderCancelled",             Cancelled),

    (Some(Cancelling),     "OrderCancellationRefused",   Confirmed),
    (Some(Cancelling),     "OrderCancellationRefused",   Cancelling),
    (Some(Cancelling),     "OrderShipped",               Shipped),
    (Some(Cancelling),     "OrderDeliveryFailed",        DeliveryFailed),
    (Some(Cancelling),     "OrderCancelled",             Cancelled),

    (Some(Shipped),        "OrderCancellationRefused",   Shipped),
    (Some(Shipped),        "OrderDeliveryFailed",        DeliveryFailed),
    (Some(Shipped),        "OrderCompleted",             Completed),
    (Some(Shipped),        "OrderCancelled",             Cancelled),

    (Some(DeliveryFailed), "OrderCancellationRefused",   DeliveryFailed),
    (Some(DeliveryFailed), "OrderDeliveryRetried",       Confirmed),
    (Some(DeliveryFailed), "OrderCancelled",             Cancelled),

    (Some(Completed),      "OrderCancellationRefused",   Completed),
];

fn each_command() -> Vec<OrderCommand> {
    vec![
        place(tea_and_cup()),
        place(vec![line("tea", 1, 0)]),
        OrderCommand::Cancel { note: None },
        OrderCommand::ChangeAddress {
            ship_to: home("2 Jongno"),
        },
        OrderCommand::RetryDelivery { ship_to: None },
        OrderCommand::RecordStockHeld { sku: tea() },
        OrderCommand::RecordStockHeld { sku: cup() },
        OrderCommand::RecordStockShort { sku: cup() },
        OrderCommand::RecordPaymentCaptured {},
        OrderCommand::RecordPaymentDeclined {
            reason: note("no money"),
        },
        OrderCommand::RecordShipped {},
        OrderCommand::RecordDelivered {},
        OrderCommand::RecordDeliveryFailed {
            reason: note("nobody there"),
        },
        OrderCommand::RecordDeliveryCancelled {},
        OrderCommand::RecordDeliveryCancelRefused {},
        OrderCommand::Expire {},
    ]
}

fn is_for_policies(command: &OrderCommand) -> bool {
    Order::FOR_POLICIES.contains(&command.name())
}

/// What an order says to a command; what it says is taken in.
fn give(order: &mut Order, command: OrderCommand) -> Vec<OrderEvent> {
    let for_policies = is_for_policies(&command);
    match order
        .decide(command.clone(), &kit::context())
        .into_outcome()
    {
        Outcome::Says(events) => {
            assert!(!events.is_empty(), "{command:?} said no thing at all");
            events.iter().for_each(|event| order.apply(event));
            events
        }
        Outcome::Nothing => vec![],
        Outcome::Refused(why) => {
            assert!(!for_policies, "a policy was refused: {command:?}: {why}");
            vec![]
        }
    }
}

/// The ways an order goes from where it stands by these events.
fn ways(mut order: Order, events: &[OrderEvent]) -> Vec<(Option<State>, &'static str, State)> {
    let mut way = |event: &OrderEvent| {
        let from = order.state();
        order.apply(event);
        (
            from,
            event.event_type().name,
            order.state().expect("an order that spoke was placed"),
        )
    };
    events.iter().map(&mut way).collect()
}

/// Every state that can be reached is visited (with up to two requests to cancel open), every command is given in each,
/// and exactly the ways of the table are gone: none is missing, none is too many.
#[test]
fn an_order_goes_exactly_the_ways_of_the_table() {
    let key = |order: &Order| serde_json::to_string(order).expect("a state is JSON");
    let open = |order: &Order| {
        let state = serde_json::to_value(order).expect("a state is JSON");
        state["unanswered"].as_u64().unwrap_or_default()
    };
    let mut gone = BTreeMap::new();
    let mut seen = BTreeSet::from([key(&Order::default())]);
    let mut next = VecDeque::from([Order::default()]);
    while let Some(order) = next.pop_front() {
        for command in each_command() {
            let mut after = order.clone();
            let events = give(&mut after, command.clone());
            for way in ways(order.clone(), &events) {
                gone.entry(format!("{way:?}")).or_insert(command.clone());
            }
            if open(&after) <= 2 && seen.insert(key(&after)) {
                next.push_back(after);
            }
        }
    }
    let table: BTreeSet<String> = WAYS.iter().map(|way| format!("{way:?}")).collect();
    let gone_too_far: Vec<_> = gone
        .iter()
        .filter(|(way, _)| !table.contains(*way))
        .collect();
    let never_gone: Vec<_> = table
        .iter()
        .filter(|way| !gone.contains_key(*way))
        .collect();
    assert!(
        gone_too_far.is_empty(),
        "not in the table: {gone_too_far:#?}"
    );
    assert!(
        never_gone.is_empty(),
        "in the table, but no command leads there: {never_gone:#?}"
    );
}

fn a_command() -> impl Strategy<Value = OrderCommand> {
    let any_line = (0..3_usize, 0..1_002_u64, -1..3_i64).prop_map(|(sku, quantity, price)| {
        let quantity = Quantity::new(quantity).unwrap_or(Quantity::ONE);
        Line {
            quantity,
            ..line(["tea", "cup", "hat"][sku], 1, price)
        }
    });
    prop_oneof![
        1 => prop::collection::vec(any_line, 0..4).prop_map(place),
        9 => prop::sample::select(each_command()),
    ]
}

proptest! {
    #[test]
    fn no_sequence_of_commands_leaves_the_table(
        commands in prop::collection::vec(a_command(), 1..60),
    ) {
        let mut order = Order::default();
        for command in commands {
            let before = order.clone();
            let events = give(&mut order, command.clone());
            for way in ways(before, &events) {
                prop_assert!(WAYS.contains(&way), "{:?} by {:?}", way, command);
            }
        }
    }

    #[test]
    fn a_policy_that_says_the_same_twice_hears_nothing_new(
        commands in prop::collection::vec(a_command(), 1..60),
    ) {
        let mut order = Order::default();
        let mut unanswered = 0_u32;
        for command in commands {
            for event in give(&mut order, command.clone()) {
                match event {
                    OrderEvent::OrderCancellationRequested(_) => unanswered += 1,
                    OrderEvent::OrderCancellationRefused(_) => unanswered -= 1,
                    _ => {}
                }
            }
            // Two requests have two answers; the second is not the first said twice.
            let answers = matches!(command, OrderCommand::RecordDeliveryCancelRefused {});
            if is_for_policies(&command) && !(answers && unanswered > 0) {
                let again = give(&mut order.clone(), command.clone());
                prop_assert!(again.is_empty(), "{:?} said {:?}", command, again);
            }
        }
    }

    #[test]
    fn a_snapshot_is_the_state(commands in prop::collection::vec(a_command(), 0..30)) {
        let mut order = Order::default();
        for command in commands {
            give(&mut order, command);
        }
        let json = serde_json::to_string(&order).expect("a state is JSON");
        let restored: Order = serde_json::from_str(&json).expect("a snapshot can be read");
        prop_assert_eq!(restored, order);
    }
}
