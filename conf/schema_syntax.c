/* One pass over libyaml's events, before anything is built: aliases multiply what they name, tags
 * and anchors mean nothing to us, and deep nesting only ever attacks a parser. */
#include "conf/schema_syntax.h"

#include <errno.h>
#include <stdbool.h>

#include <yaml.h>

#define DEPTH_MAX 8

struct scan {
	unsigned int n_documents, depth;
	bool is_over;
};

static size_t line_at(const char *text, size_t offset)
{
	size_t line = 1;
	for (size_t i = 0; i < offset; i++)
		line += text[i] == '\n';
	return line;
}

static void tell_problem(struct schema_faults *faults, const yaml_parser_t *parser,
			 const char *text, size_t size)
{
	const char *problem = parser->problem ? parser->problem : "no memory";
	size_t line = parser->problem_mark.line + 1;
	if (parser->error == YAML_READER_ERROR)
		line = line_at(text, parser->problem_offset < size ? parser->problem_offset : size);
	schema_fault(faults, line, "well-formed YAML", "bad syntax (%s)", problem);
}

/* What is wrong with an event that opens a value; NULL: nothing. */
static const char *mark_of(const yaml_event_t *event)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return "an alias";
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
		break;
	default:
		return NULL;
	}
	return anchor ? "an anchor" : tag ? "a tag" : NULL;
}

/* The reason to stop at this event, or NULL. */
static const char *event_check(struct scan *scan, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_STREAM_END_EVENT:
		scan->is_over = true;
		return NULL;
	case YAML_DOCUMENT_START_EVENT:
		return ++scan->n_documents > 1 ? "a second document" : NULL;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		if (++scan->depth > DEPTH_MAX)
			return "deeper nesting";
		return mark_of(event);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		scan->depth--;
		return NULL;
	default:
		return mark_of(event);
	}
}

int schema_syntax_check(struct schema_faults *faults, const char *text, size_t size)
{
	yaml_parser_t parser;
	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	struct scan scan = {0};
	int rc = 0;
	while (rc == 0 && !scan.is_over) {
		yaml_event_t event;
		if (!yaml_parser_parse(&parser, &event)) {
			tell_problem(faults, &parser, text, size);
			rc = -EINVAL;
			break;
		}
		const char *found = event_check(&scan, &event);
		if (found) {
			schema_fault(faults, event.start_mark.line + 1,
				     "plain keys, lists and texts", "%s", found);
			rc = -EINVAL;
		}
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return rc;
}
