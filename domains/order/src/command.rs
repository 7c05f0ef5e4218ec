//! What an order can be asked.

use event_schemas::given::{self, GivenAddress, GivenMoney};
use event_schemas::order::OrderLine;
use event_schemas::{Address, CustomerId, Money, Note, Personal, Quantity, Sku};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Orders to an order: the first four are a person's, the others are given by policies and the timer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum OrderCommand {
    /// Begins it.
    Place {
        /// Who.
        customer: CustomerId,
        /// What, how many, at which price.
        lines: Vec<Line>,
        /// Where it goes.
        #[serde(deserialize_with = "given::address")]
        #[schemars(with = "GivenAddress")]
        ship_to: Personal<Address>,
    },
    /// The customer does not want it any more.
    Cancel {
        /// In the customer's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Note>,
    },
    /// It goes somewhere else; possible until it is confirmed.
    ChangeAddress {
        /// Where it goes now.
        #[serde(deserialize_with = "given::address")]
        #[schemars(with = "GivenAddress")]
        ship_to: Personal<Address>,
    },
    /// The parcel did not arrive; send it again.
    RetryDelivery {
        /// Where it goes this time; absent: where it went before.
        #[serde(
            default,
            deserialize_with = "given::address_if_any",
            skip_serializing_if = "Option::is_none"
        )]
        #[schemars(with = "Option<GivenAddress>")]
        ship_to: Option<Personal<Address>>,
    },

    /// The goods of a line are set aside.
    RecordStockHeld {
        /// Which line.
        sku: Sku,
    },
    /// The goods of a line cannot be had.
    RecordStockShort {
        /// Which line.
        sku: Sku,
    },
    /// It is paid.
    RecordPaymentCaptured {},
    /// It is not paid.
    RecordPaymentDeclined {
        /// What the provider says.
        reason: Note,
    },
    /// The parcel left the shop.
    RecordShipped {},
    /// The parcel arrived.
    RecordDelivered {},
    /// The parcel did not arrive.
    RecordDeliveryFailed {
        /// What the carrier says.
        reason: Note,
    },
    /// Delivery gave it up.
    RecordDeliveryCancelled {},
    /// Delivery cannot give it up any more.
    RecordDeliveryCancelRefused {},
    /// Its time to be confirmed is over.
    Expire {},
}

/// A line as a caller gives it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// What.
    pub sku: Sku,
    /// How many.
    pub quantity: Quantity,
    /// Price of one piece.
    #[serde(deserialize_with = "given::money")]
    #[schemars(with = "GivenMoney")]
    pub unit_price: Money,
}

impl From<Line> for OrderLine {
    fn from(line: Line) -> Self {
        Self {
            sku: line.sku,
            quantity: line.quantity,
            unit_price: line.unit_price,
        }
    }
}
