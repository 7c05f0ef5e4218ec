//! The event on the wire: attributes of CloudEvents 1.0.
