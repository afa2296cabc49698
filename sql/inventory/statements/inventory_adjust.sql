-- inventory_adjust: adds to and takes from stock, all lines or none
-- lane: write
-- kind: write
-- returns: Adjustment
SELECT * FROM inventory.adjust(:tenant, :actor, :key, :hash, :body::jsonb)
