//! shipped
