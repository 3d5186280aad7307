// Package stories tests the whole command: user stories in testdata/script, and deployments of real
// nodes that are killed, cut off, flooded and lied to. It has no code but its tests.
package stories
