package config

// The names of files (README section 6), in one place for the node that writes them and for the
// commands that look for them.
const (
	NodeFile     = "node.toml"
	IdentityFile = "identity.key"
	// GenesisFile pins the network that a node started in: what network.json is without the names.
	GenesisFile = "genesis.json"
	// NetworkFile is the description to pin, in the folder of a deployment and of each node.
	NetworkFile = "network.json"
	StatusFile  = "status.json"  // a node's last status
	ControlFile = "control.json" // where its operator's door is
	AnalystFile = "analyst.key"  // in the folder of a deployment
	// PasswordsFolder holds what is kept of persons' passwords, a file for each, by peer id.
	PasswordsFolder = "passwords"
)
