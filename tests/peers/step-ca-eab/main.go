// Puts an external account key into the database of a step-ca that is not running, as its hosted edition does by its
// administration, which the open one lacks: the record that acme/db/nosql/eab.go of step-ca reads. It is for the
// provisioners of ca.json, which have no id.
package main

import (
	"encoding/json"
	"errors"
	"log"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"
)

type key struct {
	ID            string    `json:"id"`
	ProvisionerID string    `json:"provisionerID"`
	Reference     string    `json:"reference"`
	HmacKey       []byte    `json:"key"`
	CreatedAt     time.Time `json:"createdAt"`
	BoundAt       time.Time `json:"boundAt"`
}

func put(file, id, mac string) error {
	record, err := json.Marshal(key{ID: id, HmacKey: []byte(mac), CreatedAt: time.Now()})
	if err != nil {
		return err
	}
	store, err := bolt.Open(file, 0o600, &bolt.Options{Timeout: time.Second})
	if err != nil {
		return err
	}
	err = store.Update(func(tx *bolt.Tx) error {
		table, err := tx.CreateBucketIfNotExists([]byte("acme_external_account_keys"))
		if err != nil {
			return err
		}
		return table.Put([]byte(id), record)
	})
	return errors.Join(err, store.Close())
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: step-ca-eab DATABASE KEY-ID MAC-KEY")
	}
	if err := put(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal(err)
	}
}
