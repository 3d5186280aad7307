// Package login is who somebody is, for the doors that are asked over TLS with a password, a certificate or a token: one account of
// wrong passwords, one way to check a right one, and tokens that stand for a login for a while. It writes nothing down.
package login
