//! The rules of stock, one a test.

use event_schemas::stock::{
    StockDispatched, StockHeld, StockReceived, StockReleased, StockReturned, StockShort,
};
use event_schemas::{INTEGER_LIMIT, OrderId, Quantity};
use inventory::StockCommand::{Dispatch, Hold, Receive, Release, TakeBack};
use inventory::{Stock, StockRejection};
use kernel::kit::given;
use uuid::Uuid;

const ANNES: OrderId = OrderId::new(Uuid::from_u128(1));
const BENS: OrderId = OrderId::new(Uuid::from_u128(2));
const ONE: Quantity = Quantity::ONE;

fn pieces(pieces: u64) -> Quantity {
    Quantity::new(pieces).expect("a test counts in quantities")
}

fn received(quantity: Quantity) -> StockReceived {
    StockReceived { quantity }
}

#[test]
fn goods_that_come_in_are_on_hand_and_available() {
    let two = pieces(2);
    given::<Stock>(())
        .when(Receive { quantity: two })
        .then(received(two));

    let stock = given::<Stock>((received(two), received(ONE)));
    assert_eq!((stock.state().on_hand(), stock.state().available()), (3, 3));
}

#[test]
fn an_order_holds_what_is_available() {
    given::<Stock>(received(pieces(3)))
        .when(Hold {
            order: ANNES,
            quantity: pieces(3),
        })
        .then(StockHeld {
            order: ANNES,
            quantity: pieces(3),
        });
}

#[test]
fn what_is_held_stays_on_hand_and_is_not_available() {
    let stock = given::<Stock>((
        received(pieces(3)),
        StockHeld {
            order: ANNES,
            quantity: ONE,
        },
    ));
    let stock = stock.state();
    assert_eq!(
        (stock.on_hand(), stock.held(), stock.available()),
        (3, 1, 2)
    );
}

#[test]
fn the_last_piece_is_held_only_once() {
    given::<Stock>((
        received(ONE),
        StockHeld {
            order: ANNES,
            quantity: ONE,
        },
    ))
    .when(Hold {
        order: BENS,
        quantity: ONE,
    })
    .then(StockShort {
        order: BENS,
        asked: ONE,
        available: 0,
    });
}

#[test]
fn an_order_gets_all_it_asks_for_or_nothing() {
    given::<Stock>(received(pieces(2)))
        .when(Hold {
            order: ANNES,
            quantity: pieces(3),
        })
        .then(StockShort {
            order: ANNES,
            asked: pieces(3),
            available: 2,
        });
}

#[test]
fn what_was_never_received_is_short() {
    given::<Stock>(())
        .when(Hold {
            order: ANNES,
            quantity: ONE,
        })
        .then(StockShort {
            order: ANNES,
            asked: ONE,
            available: 0,
        });
}

#[test]
fn an_order_that_was_short_may_ask_again_when_goods_came_in() {
    given::<Stock>((
        StockShort {
            order: ANNES,
            asked: ONE,
            available: 0,
        },
        received(ONE),
    ))
    .when(Hold {
        order: ANNES,
        quantity: ONE,
    })
    .then(StockHeld {
        order: ANNES,
        quantity: ONE,
    });
}

#[test]
fn an_order_that_holds_says_nothing_when_asked_again() {
    let holding = || {
        given::<Stock>((
            received(ONE),
            StockHeld {
                order: ANNES,
                quantity: ONE,
            },
        ))
    };
    holding()
        .when(Hold {
            order: ANNES,
            quantity: ONE,
        })
        .then_nothing();
    // Not even when it asks for more than there is: it holds at most once.
    holding()
        .when(Hold {
            order: ANNES,
            quantity: pieces(9),
        })
        .then_nothing();
}

#[test]
fn a_release_gives_up_exactly_what_was_held() {
    given::<Stock>((
        received(pieces(5)),
        StockHeld {
            order: ANNES,
            quantity: pieces(2),
        },
    ))
    .when(Release { order: ANNES })
    .then(StockReleased {
        order: ANNES,
        quantity: pieces(2),
    });
}

#[test]
fn what_was_released_is_available_to_others() {
    given::<Stock>((
        received(ONE),
        StockHeld {
            order: ANNES,
            quantity: ONE,
        },
        StockReleased {
            order: ANNES,
            quantity: ONE,
        },
    ))
    .when(Hold {
        order: BENS,
        quantity: ONE,
    })
    .then(StockHeld {
        order: BENS,
        quantity: ONE,
    });
}

#[test]
fn releasing_what_is_not_held_says_nothing() {
    given::<Stock>(received(ONE))
        .when(Release { order: ANNES })
        .then_nothing();
}

#[test]
fn releasing_twice_says_nothing_the_second_time() {
    given::<Stock>((
        received(ONE),
        StockHeld {
            order: ANNES,
            quantity: ONE,
        },
        StockReleased {
            order: ANNES,
            quantity: ONE,
        },
    ))
    .when(Release { order: ANNES })
    .then_nothing();
}

#[test]
fn what_is_held_can_leave_the_shop() {
    given::<Stock>((
        received(pieces(5)),
        StockHeld {
            order: ANNES,
            quantity: pieces(2),
        },
    ))
    .when(Dispatch { order: ANNES })
    .then(StockDispatched {
        order: ANNES,
        quantity: pieces(2),
    });
}

#[test]
fn what_left_is_neither_on_hand_nor_held_nor_remembered() {
    let stock = given::<Stock>((
        received(pieces(5)),
        StockHeld {
            order: ANNES,
            quantity: pieces(2),
        },
        StockDispatched {
            order: ANNES,
            quantity: pieces(2),
        },
    ));
    assert_eq!(*stock.state(), *given::<Stock>(received(pieces(3))).state());
}

#[test]
fn dispatching_what_is_not_held_says_nothing() {
    given::<Stock>(received(ONE))
        .when(Dispatch { order: ANNES })
        .then_nothing();
}

#[test]
fn a_parcel_that_comes_back_is_on_hand_again() {
    given::<Stock>(())
        .when(TakeBack {
            order: ANNES,
            quantity: pieces(2),
        })
        .then(StockReturned {
            order: ANNES,
            quantity: pieces(2),
        });

    let stock = given::<Stock>(StockReturned {
        order: ANNES,
        quantity: pieces(2),
    });
    assert_eq!((stock.state().on_hand(), stock.state().available()), (2, 2));
}

#[test]
fn more_than_a_number_can_say_is_refused() {
    let most = pieces(INTEGER_LIMIT - 1);
    let overflow = || StockRejection::StockOverflow {
        on_hand: most.get(),
        quantity: ONE,
    };
    given::<Stock>(received(most))
        .when(Receive { quantity: ONE })
        .then_refused(overflow());
    given::<Stock>(received(most))
        .when(TakeBack {
            order: ANNES,
            quantity: ONE,
        })
        .then_refused(overflow());
}
