package node

import (
	"context"

	"parley/node/audit"
	"parley/node/notify"
)

// openAlerts makes what tells the operator's command, or web service, of alerts (README section 14).
func (n *node) openAlerts() (err error) {
	if n.cfg.Alerts == nil {
		return nil
	}
	if n.notifier, err = notify.New(*n.cfg.Alerts, n.cfg.Dir, n.log); err != nil {
		return err
	}
	n.transport.Go(func(ctx context.Context) {
		if err := n.notifier.Run(ctx); err != nil {
			n.fail(err)
		}
	})
	return nil
}

// offerAlerts tells of the alerts on the ledger, which the node has read up to its head.
func (n *node) offerAlerts() error {
	last := n.replica.LastAlert()
	if n.notifier == nil || n.offered && last == n.alerted {
		return nil
	}
	n.offered, n.alerted = true, last
	return n.notifier.Offer(audit.AlertsOf(n.replica), n.replica.Applied())
}
