// Parley answers SQL questions over the tables of several departments that may not pool them, exactly, and with a
// certificate that anyone can check offline. See README.md.
package main

import (
	"os"

	"parley/node/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
