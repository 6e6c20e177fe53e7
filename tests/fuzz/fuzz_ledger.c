/* Any bytes as what the ledger's parts read. The first byte chooses: r row, h head, p proof, k key,
 * anything else an export. What is read is written the same, and what is sound is not called so by
 * chance: an export without a fault has the rows its chain says. */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "conf/ledger_proof.h"
#include "conf/ledger_reader.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void row_read(const json_t *object)
{
	struct ledger_row row;
	const char *why = NULL;
	if (ledger_row_read(object, &row, &why)) {
		EXPECT(why && *why);
		return;
	}
	json_t *written = ledger_row_write(&row);
	EXPECT(json_equal(object, written));
	json_decref(written);
	ledger_row_hash(&row);
}

static void head_read(const json_t *object)
{
	struct ledger_head head;
	const char *why = NULL;
	if (ledger_head_read(object, &head, &why)) {
		EXPECT(why && *why);
		return;
	}
	json_t *written = ledger_head_write(&head);
	EXPECT(json_equal(object, written));
	json_decref(written);
}

/* RFC 8032 section 7.1, test 2. */
static const char public_pem[] = "-----BEGIN PUBLIC KEY-----\n"
				 "MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=\n"
				 "-----END PUBLIC KEY-----\n";

static struct ledger_key *key_get(void)
{
	static struct ledger_key *key;
	if (!key)
		EXPECT(ledger_key_parse(public_pem, &key) == 0);
	return key;
}

static void proof_read(const json_t *object)
{
	struct ledger_proof proof, again;
	struct ledger_key *key = key_get();
	const char *why = NULL;
	if (ledger_proof_read(object, &proof, &why)) {
		EXPECT(why && *why);
		return;
	}
	json_t *written = ledger_proof_write(&proof);
	EXPECT(ledger_proof_read(written, &again, &why) == 0);
	EXPECT(memcmp(&proof, &again, sizeof(proof)) == 0);
	json_decref(written);
	ledger_proof_judge(&proof, &key, 1, NULL);
	ledger_proof_judge(&proof, &key, 0, proof.has_head ? &proof.head : NULL);
}

static void json_read(const uint8_t *data, size_t size, void (*read)(const json_t *object))
{
	json_t *object = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	if (object)
		read(object);
	json_decref(object);
}

static void key_read(const uint8_t *data, size_t size)
{
	struct ledger_key *key;
	char *text = strndup((const char *)data, size);
	if (ledger_key_parse(text, &key) == 0) {
		char *pem = ledger_key_public(key);
		EXPECT(pem && strlen(ledger_key_id(key)) == LEDGER_KEY_ID_BYTES - 1);
		free(pem);
		ledger_key_destroy(key);
	}
	free(text);
}

struct audit {
	struct ledger_check *check;
	uint64_t rows;
	unsigned int faults;
	int64_t size;
};

static void on_tenant(void *context, const char *tenant)
{
	struct audit *audit = context;
	audit->check = ledger_check_create(tenant, NULL);
	ledger_check_trust(audit->check, key_get());
}

static void on_row(void *context, const struct ledger_row *row)
{
	struct audit *audit = context;
	audit->rows++;
	ledger_check_row(audit->check, row);
}

static void on_head(void *context, const struct ledger_head *head)
{
	struct audit *audit = context;
	ledger_check_head(audit->check, head);
	ledger_check_saved_head(audit->check, head);
}

static void on_end(void *context, int64_t size, const struct merkle_hash *last)
{
	struct audit *audit = context;
	audit->size = size;
	audit->faults += ledger_check_end(audit->check, size, last);
}

static void on_fault(void *context, int64_t sequence, const char *id, const char *what)
{
	struct audit *audit = context;
	EXPECT(sequence >= INT64_MIN && id && what && *what);
	audit->faults++;
}

static void export_read(const uint8_t *data, size_t size)
{
	struct audit audit = {.size = -1};
	const struct ledger_visitor visitor = {.on_tenant = on_tenant,
					       .on_row = on_row,
					       .on_head = on_head,
					       .on_end = on_end,
					       .on_fault = on_fault,
					       .context = &audit};
	if (size == 0)
		return;
	FILE *in = fmemopen((void *)(uintptr_t)data, size, "r");
	int rc = ledger_read_export(in, &visitor);
	EXPECT((rc == 0) == (audit.check != NULL));
	if (audit.faults == 0)
		EXPECT(audit.size >= 0 && (uint64_t)audit.size == audit.rows &&
		       ledger_check_size(audit.check) == audit.rows);
	ledger_check_destroy(audit.check);
	fclose(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	switch (size > 0 ? data[0] : 0) {
	case 'r':
		json_read(data + 1, size - 1, row_read);
		break;
	case 'h':
		json_read(data + 1, size - 1, head_read);
		break;
	case 'p':
		json_read(data + 1, size - 1, proof_read);
		break;
	case 'k':
		key_read(data + 1, size - 1);
		break;
	default:
		export_read(data, size);
	}
	return 0;
}
