//! Tests of the statement layer.
