package ledger

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the ledger's own figures. CometBFT's cannot be registered twice
// in one process, and are left out.
type metrics struct {
	registry   prometheus.Registerer
	collectors []prometheus.Collector
	blocks     prometheus.Counter
	txs        prometheus.Counter
	appends    prometheus.Summary
}

func newMetrics(l *Ledger) *metrics {
	m := &metrics{
		registry: l.config.Metrics,
		blocks:   prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_ledger_blocks_total", Help: "Blocks committed since the start."}),
		txs:      prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_ledger_transactions_total", Help: "Transactions ordered since the start."}),
		appends: prometheus.NewSummary(prometheus.SummaryOpts{Name: "parley_ledger_append_seconds",
			Help: "Seconds from an Append through this node until its transaction was ordered."}),
	}
	return m
}

// Register exports the figures, once there is a node to ask.
func (m *metrics) Register(l *Ledger) {
	if m.registry == nil {
		return
	}
	gauge := func(name, help string, f func(Status) float64) {
		m.collectors = append(m.collectors, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			return f(l.Status())
		}))
	}
	m.collectors = append(m.collectors, m.blocks, m.txs, m.appends)
	gauge("parley_ledger_height", "Height of the last block.", func(s Status) float64 { return float64(s.Block) })
	gauge("parley_ledger_records", "Transactions ordered since the genesis.", func(s Status) float64 { return float64(s.Records) })
	gauge("parley_ledger_waiting", "Transactions in the mempool.", func(s Status) float64 { return float64(s.Waiting) })
	gauge("parley_ledger_peers", "Peers connected in consensus.", func(s Status) float64 { return float64(len(s.Peers)) })
	gauge("parley_ledger_validators", "Validators.", func(s Status) float64 { return float64(len(s.Validators)) })
	gauge("parley_ledger_catching_up", "1 while blocks are fetched.", func(s Status) float64 { return bit(s.CatchingUp) })
	gauge("parley_ledger_halted", "1 while no block comes though it should.", func(s Status) float64 { return bit(s.Halted != nil) })
	gauge("parley_ledger_last_block_timestamp_seconds", "When the last block was committed here.", func(s Status) float64 {
		if s.Committed.IsZero() {
			return 0
		}
		return float64(s.Committed.UnixMilli()) / 1000
	})
	for _, c := range m.collectors {
		if err := m.registry.Register(c); err != nil {
			l.log.Warn("a figure of the ledger is not exported", "error", err.Error())
		}
	}
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (m *metrics) block(txs int) {
	m.blocks.Inc()
	m.txs.Add(float64(txs))
}

// Close takes the figures back, so that the next ledger in this process can
// register its own.
func (m *metrics) Close() {
	for _, c := range m.collectors {
		m.registry.Unregister(c)
	}
}
