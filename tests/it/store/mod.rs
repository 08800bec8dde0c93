//! The stores that operators share. Every test of a contract runs over each adapter.

mod contract;
mod etcd;
mod sqlite;
