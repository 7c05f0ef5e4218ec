//! Placing: what may stand in an order.

use std::collections::BTreeSet;

use event_schemas::order::{OrderLine, OrderPlaced};
use event_schemas::{Address, CustomerId, Money, Personal};
use kernel::{Decision, nothing, refuse, says};

use super::{Order, Placed};
use crate::{Line, OrderRejection};

/// Lines of an order at most: each is a hold, a release and a line in every event after.
pub const MAX_LINES: usize = 100;

/// Pieces in a line at most; who wants more talks to the shop.
pub const MAX_QUANTITY: u64 = 999;

pub(super) fn place(
    customer: CustomerId,
    lines: Vec<Line>,
    ship_to: Personal<Address>,
) -> Decision<Order> {
    match in_order(&lines) {
        Err(why) => refuse(why),
        Ok(total) => says(OrderPlaced {
            customer,
            lines: lines.into_iter().map(OrderLine::from).collect(),
            total,
            ship_to,
            catalogue_position: None,
        }),
    }
}

impl Placed {
    /// The same order placed twice was placed; another one needs another id.
    pub(super) fn place_again(
        &self,
        customer: CustomerId,
        lines: Vec<Line>,
        ship_to: &Personal<Address>,
    ) -> Decision<Order> {
        let same_lines = lines
            .into_iter()
            .map(OrderLine::from)
            .eq(self.lines.iter().cloned());
        if same_lines && customer == self.customer && *ship_to == self.ship_to {
            nothing()
        } else {
            refuse(OrderRejection::OrderAlreadyPlaced {})
        }
    }
}

/// The total of lines that may stand in an order, or why they may not.
fn in_order(lines: &[Line]) -> Result<Money, OrderRejection> {
    let first = lines.first().ok_or(OrderRejection::NoLines {})?;
    if lines.len() > MAX_LINES {
        return Err(OrderRejection::TooManyLines { lines: lines.len() });
    }
    no_sku_twice(lines)?;
    let currency = first.unit_price.currency();
    let mut total = Money::zero(currency);
    for line in lines {
        quantity_and_price(line)?;
        let other = line.unit_price.currency();
        if other != currency {
            return Err(OrderRejection::CurrenciesDiffer {
                first: currency,
                other,
            });
        }
        total = line
            .unit_price
            .checked_mul(line.quantity)
            .and_then(|price| total.checked_add(price))
            .ok_or(OrderRejection::TotalTooLarge {})?;
    }
    Ok(total)
}

fn no_sku_twice(lines: &[Line]) -> Result<(), OrderRejection> {
    let mut seen = BTreeSet::new();
    match lines.iter().find(|line| !seen.insert(&line.sku)) {
        Some(line) => Err(OrderRejection::SkuTwice {
            sku: line.sku.clone(),
        }),
        None => Ok(()),
    }
}

fn quantity_and_price(line: &Line) -> Result<(), OrderRejection> {
    let Line {
        sku,
        quantity,
        unit_price,
    } = line;
    if quantity.get() > MAX_QUANTITY {
        return Err(OrderRejection::QuantityTooLarge {
            sku: sku.clone(),
            quantity: *quantity,
        });
    }
    if unit_price.amount() < 0 {
        return Err(OrderRejection::PriceNegative {
            sku: sku.clone(),
            unit_price: *unit_price,
        });
    }
    Ok(())
}
