/* The store's schema as numbered migrations, the same tables in both dialects. */
#pragma once

struct sql;

/* One step of the schema, as a script: conf/migrations. Once released, a step is never changed: a
 * new one follows. */
struct store_migration {
	const char *sqlite, *postgres;
};
extern const struct store_migration store_migrations[];
extern const unsigned int store_migrations_n; /* the schema's version */

/* Brings the schema to this program's version, each step a transaction. Two may do it at once.
 * -EPROTO: it is newer. */
int store_schema_migrate(struct sql *sql);
/* -EPROTO when it is not this program's version, or there is none. */
int store_schema_check(struct sql *sql);
