// This file goes once serve.go is there.

package pgwire

import (
	"context"

	"github.com/jackc/pgx/v5/pgproto3"
)

func serve(ctx context.Context, c *conn, s Session) error {
	for {
		c.backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		if err := c.backend.Flush(); err != nil {
			return err
		}
		m, err := c.backend.Receive()
		if err != nil {
			return err
		}
		switch m := m.(type) {
		case *pgproto3.Query:
			texts, err := s.Parse(m.String)
			if err != nil {
				return err
			}
			for _, tx := range texts {
				st, err := s.Prepare(ctx, tx, nil)
				if err != nil {
					return err
				}
				run, done := c.running(ctx)
				r, err := st.Run(run, nil)
				if err != nil {
					if context.Cause(run) == ErrCancelled {
						err = ErrCancelled
					}
				}
				done()
				if err != nil {
					e, ok := err.(*Error)
					if !ok {
						return err
					}
					c.backend.Send(errorResponse("ERROR", e, 0))
					break
				}
				rd := &pgproto3.RowDescription{}
				for _, cc := range r.Columns {
					rd.Fields = append(rd.Fields, pgproto3.FieldDescription{Name: []byte(cc.Name), DataTypeOID: cc.Type, DataTypeSize: -1, TypeModifier: -1})
				}
				c.backend.Send(rd)
				for _, row := range r.Rows {
					d := &pgproto3.DataRow{}
					for _, v := range row {
						d.Values = append(d.Values, v)
					}
					c.backend.Send(d)
				}
				c.backend.Send(&pgproto3.CommandComplete{CommandTag: []byte(r.Tag)})
			}
		case *pgproto3.Terminate:
			return nil
		}
	}
}
