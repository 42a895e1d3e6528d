package main

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

const cutEvery = 250 * time.Millisecond

// cutCapped keeps capped collections at their limits: embedded, FerretDB cuts them only when it is told to.
// Errors are passed over: a collection may be dropped meanwhile, and the next round comes soon.
func cutCapped(ctx context.Context, url string) {
	client, err := mongo.Connect(ctx, options.Client().ApplyURI(url))
	if err != nil {
		return
	}
	for range time.Tick(cutEvery) {
		if ctx.Err() != nil {
			return
		}
		names, _ := client.ListDatabaseNames(ctx, bson.D{})
		for _, name := range names {
			cutDatabase(ctx, client.Database(name))
		}
	}
}

func cutDatabase(ctx context.Context, database *mongo.Database) {
	collections, _ := database.ListCollectionSpecifications(ctx, bson.D{})
	for _, collection := range collections {
		if capped, ok := collection.Options.Lookup("capped").BooleanOK(); ok && capped {
			database.RunCommand(ctx, bson.D{{Key: "compact", Value: collection.Name}})
		}
	}
}
