-- SQLite's triggers cannot write NEW, so they write the row again. The revision's own column is not
-- among those that fire.

CREATE TABLE revision (last BIGINT NOT NULL);
INSERT INTO revision VALUES (1);

CREATE TRIGGER tenants_insert AFTER INSERT ON tenants BEGIN
	UPDATE revision SET last = last + 1;
	UPDATE tenants SET revision = (SELECT last FROM revision), changed_at = $NOW
		WHERE id = NEW.id;
END;

CREATE TRIGGER tenants_update AFTER UPDATE OF id, name, plan, slice, slice_bps, issuer, standing,
	policy ON tenants BEGIN
	UPDATE revision SET last = last + 1;
	UPDATE tenants SET revision = (SELECT last FROM revision), changed_at = $NOW
		WHERE id = NEW.id;
END;

CREATE TRIGGER slices_insert AFTER INSERT ON slices BEGIN
	UPDATE revision SET last = last + 1;
	UPDATE slices SET revision = (SELECT last FROM revision), changed_at = $NOW
		WHERE id = NEW.id;
END;

CREATE TRIGGER slices_update AFTER UPDATE OF id, sst, sd, guaranteed_bps, max_bps, latency_ms,
	five_qi ON slices BEGIN
	UPDATE revision SET last = last + 1;
	UPDATE slices SET revision = (SELECT last FROM revision), changed_at = $NOW
		WHERE id = NEW.id;
END;

CREATE TRIGGER plans_update AFTER UPDATE OF id, slice, policy ON plans BEGIN
	UPDATE revision SET last = last + 1;
	UPDATE tenants SET revision = (SELECT last FROM revision), changed_at = $NOW
		WHERE plan = NEW.id;
END;

CREATE TRIGGER keys_insert AFTER INSERT ON keys BEGIN
	UPDATE revision SET last = last + 1;
	UPDATE tenants SET revision = (SELECT last FROM revision), changed_at = $NOW
		WHERE id = NEW.tenant;
END;

CREATE TRIGGER keys_update AFTER UPDATE ON keys BEGIN
	UPDATE revision SET last = last + 1;
	UPDATE tenants SET revision = (SELECT last FROM revision), changed_at = $NOW
		WHERE id IN (OLD.tenant, NEW.tenant);
END;

CREATE TRIGGER keys_delete AFTER DELETE ON keys BEGIN
	UPDATE revision SET last = last + 1;
	UPDATE tenants SET revision = (SELECT last FROM revision), changed_at = $NOW
		WHERE id = OLD.tenant;
END;

CREATE TRIGGER top_ups_insert AFTER INSERT ON top_ups BEGIN
	UPDATE revision SET last = last + 1;
	UPDATE tenants SET revision = (SELECT last FROM revision), changed_at = $NOW
		WHERE id = NEW.tenant;
END;

CREATE TRIGGER top_ups_update AFTER UPDATE ON top_ups BEGIN
	UPDATE revision SET last = last + 1;
	UPDATE tenants SET revision = (SELECT last FROM revision), changed_at = $NOW
		WHERE id IN (OLD.tenant, NEW.tenant);
END;

CREATE TRIGGER top_ups_delete AFTER DELETE ON top_ups BEGIN
	UPDATE revision SET last = last + 1;
	UPDATE tenants SET revision = (SELECT last FROM revision), changed_at = $NOW
		WHERE id = OLD.tenant;
END;
