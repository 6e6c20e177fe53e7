#include "conf/ledger_proof.h"

#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "conf/ledger_text.h"

int ledger_proof_make(struct ledger_proof *proof, const struct merkle_hash *leaves)
{
	int rc = proof->is_inclusion
			 ? merkle_inclusion(leaves, proof->size, (uint64_t)proof->row.sequence,
					    &proof->path)
			 : merkle_consistency(leaves, proof->from, proof->size, &proof->path);
	if (rc)
		return rc;
	proof->root = merkle_root(leaves, proof->size);
	if (!proof->is_inclusion)
		proof->from_root = merkle_root(leaves, proof->from);
	return 0;
}

/* --- JSON ------------------------------------------------------------------------------------ */

static json_t *hash_write(const struct merkle_hash *hash)
{
	char text[LEDGER_HEX_BYTES];
	ledger_hex(hash->bytes, MERKLE_BYTES, text);
	return json_string(text);
}

json_t *ledger_proof_write(const struct ledger_proof *proof)
{
	json_t *object, *path = json_array();
	for (unsigned int i = 0; i < proof->path.n; i++)
		json_array_append_new(path, hash_write(&proof->path.path[i]));
	if (proof->is_inclusion)
		object = json_pack("{s:s, s:s, s:o, s:I}", "type", "inclusion", "tenant",
				   proof->tenant, "row", ledger_row_write(&proof->row), "index",
				   (json_int_t)proof->row.sequence);
	else
		object = json_pack("{s:s, s:s, s:I, s:o}", "type", "consistency", "tenant",
				   proof->tenant, "from", (json_int_t)proof->from, "from_root",
				   hash_write(&proof->from_root));
	json_t *rest = json_pack("{s:I, s:o, s:o, s:o}", "size", (json_int_t)proof->size, "path",
				 path, "root", hash_write(&proof->root), "head",
				 proof->has_head ? ledger_head_write(&proof->head) : json_null());
	if (!object || !rest || json_object_update(object, rest)) {
		json_decref(object);
		object = NULL;
	}
	json_decref(rest);
	return object;
}

static bool number_read(const json_t *object, const char *name, uint64_t *out)
{
	const json_t *value = json_object_get(object, name);
	*out = (uint64_t)json_integer_value(value);
	return json_is_integer(value) && json_integer_value(value) >= 0;
}

static bool path_read(const json_t *list, struct merkle_proof *out)
{
	if (!json_is_array(list) || json_array_size(list) > MERKLE_PROOF_MAX)
		return false;
	out->n = (unsigned int)json_array_size(list);
	for (unsigned int i = 0; i < out->n; i++)
		if (ledger_hash_read(json_array_get(list, i), &out->path[i]))
			return false;
	return true;
}

/* NULL, or what was expected. */
static const char *inclusion_read(const json_t *object, struct ledger_proof *out)
{
	uint64_t index;
	const char *why;
	if (ledger_row_read(json_object_get(object, "row"), &out->row, &why))
		return why;
	if (!number_read(object, "index", &index) || index != (uint64_t)out->row.sequence)
		return "index: expected the row's sequence";
	return NULL;
}

static const char *consistency_read(const json_t *object, struct ledger_proof *out)
{
	if (!number_read(object, "from", &out->from))
		return "from: expected an integer that is not negative";
	if (ledger_hash_read(json_object_get(object, "from_root"), &out->from_root))
		return "from_root: expected 64 hex digits";
	return NULL;
}

static const char *proof_read(const json_t *object, struct ledger_proof *out)
{
	const char *type = json_string_value(json_object_get(object, "type"));
	const char *tenant = json_string_value(json_object_get(object, "tenant"));
	const json_t *head = json_object_get(object, "head");
	const char *why;
	if (!type || (strcmp(type, "inclusion") != 0 && strcmp(type, "consistency") != 0))
		return "type: expected inclusion or consistency";
	out->is_inclusion = strcmp(type, "inclusion") == 0;
	if (!tenant || strlen(tenant) >= sizeof(out->tenant))
		return "tenant: expected a text of at most 63 bytes";
	strcpy(out->tenant, tenant);
	why = out->is_inclusion ? inclusion_read(object, out) : consistency_read(object, out);
	if (why)
		return why;
	if (!number_read(object, "size", &out->size))
		return "size: expected an integer that is not negative";
	if (!path_read(json_object_get(object, "path"), &out->path))
		return "path: expected a list of at most 64 times 64 hex digits";
	if (ledger_hash_read(json_object_get(object, "root"), &out->root))
		return "root: expected 64 hex digits";
	out->has_head = !json_is_null(head);
	if (out->has_head && ledger_head_read(head, &out->head, &why))
		return why;
	return NULL;
}

int ledger_proof_read(const json_t *object, struct ledger_proof *out, const char **why)
{
	struct ledger_proof proof = {.size = 0};
	*why = proof_read(object, &proof);
	if (*why)
		return -EINVAL;
	*out = proof;
	return 0;
}

/* --- Judging --------------------------------------------------------------------------------- */

static bool is_equal(const struct merkle_hash *a, const struct merkle_hash *b)
{
	return memcmp(a->bytes, b->bytes, MERKLE_BYTES) == 0;
}

static bool is_root_of(const struct ledger_head *head, const struct ledger_proof *proof,
		       uint64_t size, const struct merkle_hash *root)
{
	return strcmp(head->tenant, proof->tenant) == 0 && head->size == size &&
	       is_equal(&head->root, root);
}

static bool is_signed(const struct ledger_head *head, struct ledger_key *const *keys,
		      unsigned int n_keys)
{
	for (unsigned int i = 0; i < n_keys; i++)
		if (ledger_head_is_signed(head, keys[i]))
			return true;
	return false;
}

static const char *inclusion_judge(const struct ledger_proof *proof)
{
	const struct ledger_row *row = &proof->row;
	struct merkle_hash hash = ledger_row_hash(row), leaf = ledger_row_leaf(row);
	struct ledger_row sealed = *row;
	ledger_row_seal(&sealed);
	if (strcmp(row->usage.tenant, proof->tenant) != 0)
		return "its row is of another tenant";
	if (!is_equal(&hash, &row->hash))
		return "its row was changed: the fields do not give the hash";
	if (!is_equal(&sealed.hash, &row->hash))
		return "the money in its row is wrong";
	if (!merkle_inclusion_verify(&leaf, (uint64_t)row->sequence, proof->size, &proof->path,
				     &proof->root))
		return "its path does not lead from the row to the root";
	return NULL;
}

const char *ledger_proof_judge(const struct ledger_proof *proof, struct ledger_key *const *keys,
			       unsigned int n_keys, const struct ledger_head *saved)
{
	if (n_keys == 0 && !saved)
		return "nothing to judge it by: neither a key nor a saved head";
	if (n_keys > 0 &&
	    (!proof->has_head || !is_root_of(&proof->head, proof, proof->size, &proof->root)))
		return "it has no head of its root";
	if (n_keys > 0 && !is_signed(&proof->head, keys, n_keys))
		return "its head is not signed with the key given";
	if (saved && !is_root_of(saved, proof, proof->size, &proof->root) &&
	    (proof->is_inclusion || !is_root_of(saved, proof, proof->from, &proof->from_root)))
		return "the saved head is of another tree; one of the same size is needed";
	if (proof->is_inclusion)
		return inclusion_judge(proof);
	if (!merkle_consistency_verify(proof->from, &proof->from_root, proof->size, &proof->root,
				       &proof->path))
		return "its path does not lead from one root to the other";
	return NULL;
}
