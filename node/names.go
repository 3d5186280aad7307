package node

// The names of files (README section 6), in one place for the node that writes them and for the
// commands that look for them.
const (
	configName   = "node.toml"
	identityName = "identity.key"
	// genesisName pins the network that a node started in: what network.json is without the names.
	genesisName = "genesis.json"
	// networkName is the description to pin, in the folder of a deployment and of each node.
	networkName = "network.json"
	statusName  = "status.json"  // a node's last status
	controlName = "control.json" // where its operator's door is
	analystName = "analyst.key"  // in the folder of a deployment
)
