// Package pgwire is the door that speaks PostgreSQL's wire protocol: analysts keep the clients that they have.
//
// A Server takes up connections, secures them and finds out whom they belong to; a Backend says who may log in; a
// Session, one behind each connection, parses and runs the statements. This package knows the protocol and nothing of
// SQL: what a statement means is the session's affair. Every byte that a client sends is hostile until it is checked;
// limits.go names what connections may cost.
package pgwire
