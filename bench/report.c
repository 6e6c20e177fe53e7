/* Reads JSON lines, writes the page. Nothing that a file says is markup, a script or a link: text
 * is escaped where it is written, and the page forbids itself everything but its own style. */
#include "bench/report.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report_private.h"

static const char help[] =
	"Usage: nn5g-bench report [OPTION]... FILE...\n"
	"\n"
	"Makes one self-contained HTML page of what other commands (but meter and slices, whose\n"
	"JSON has a form of its own) wrote with --json: bounds,\n"
	"latency distributions, CPU per packet by number of viewers, memory by number of\n"
	"sessions, set-up and storms, and all medians and ratios. FILE '-' is standard input.\n"
	"\n"
	"  --title TEXT  the page's heading (nn5g-bench)\n"
	"  --out FILE    where the page goes (standard output)\n"
	"  --markdown    tables and bounds alone, as Markdown\n"
	"  --columns A,B with those values alone, by their names in the lines, and ratios\n"
	"\n"
	"Lines that are none of nn5g-bench's are told with file and line, and left out.\n"
	"\n"
	"Exit status: 0; 1 when there were such lines, or none at all, or the page cannot be\n"
	"written; 2 usage.\n"
	"\n"
	"Example:\n"
	"  nn5g-bench fanout --peer janus --floor --json > fanout.json\n"
	"  nn5g-bench report --out report.html fanout.json\n";

static const char head[] =
	"<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<meta http-equiv=\"Content-Security-Policy\" "
	"content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
	"<style>\n"
	":root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #d5dae0;\n"
	"  --c0: #0b62c4; --c1: #c2410c; --c2: #52606d; --c3: #15803d; --c4: #7e22ce;\n"
	"  --c5: #a16207; --c6: #be185d; --c7: #0f766e; --good: #15803d; --bad: #b91c1c }\n"
	"@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --paper: #14171b;\n"
	"  --soft: #3a414a; --c0: #6cb0ff; --c1: #ff9a62; --c2: #a7b3c0; --c3: #6ee7a0;\n"
	"  --c4: #d2a8ff; --c5: #f2cc60; --c6: #ff8fc4; --c7: #5eead4; --good: #6ee7a0;\n"
	"  --bad: #ff8f8f } }\n"
	"body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink);\n"
	"  background: var(--paper); margin: 0 auto; max-width: 90rem; padding: 1rem }\n"
	"pre, code { font-family: ui-monospace, monospace; overflow-x: auto }\n"
	"table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .875rem "
	"}\n"
	"caption { text-align: left; padding: .25rem 0 }\n"
	"th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--soft); text-align: right;\n"
	"  white-space: nowrap }\n"
	"th[scope=row], .text, th:first-child, th:nth-child(2) { text-align: left }\n"
	"th[scope=row] { font-weight: normal }\n"
	"td.text { white-space: normal }\n"
	".kept td:last-child { color: var(--good) }\n"
	".missed td:last-child { color: var(--bad); font-weight: bold }\n"
	".wide { overflow-x: auto }\n"
	".plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(26rem, 1fr));\n"
	"  gap: 1rem }\n"
	"@media (max-width: 30rem) { .plots { grid-template-columns: 1fr } }\n"
	"figure { margin: 0 } figure > svg { width: 100%; height: auto }\n"
	"figcaption .key { white-space: nowrap; margin-left: .75rem }\n"
	"svg text { fill: var(--ink); font: 14px system-ui, sans-serif }\n"
	".grid { stroke: var(--soft); stroke-width: 1 }\n"
	"polyline { fill: none; stroke-width: 2; stroke: currentColor }\n"
	"circle, rect { fill: currentColor }\n"
	".s0 { color: var(--c0) } .s1 { color: var(--c1) } .s2 { color: var(--c2) }\n"
	".s3 { color: var(--c3) } .s4 { color: var(--c4) } .s5 { color: var(--c5) }\n"
	".s6 { color: var(--c6) } .s7 { color: var(--c7) }\n"
	".s1 polyline { stroke-dasharray: 8 3 } .s2 polyline { stroke-dasharray: 2 3 }\n"
	".s3 polyline { stroke-dasharray: 10 3 2 3 } .s4 polyline { stroke-dasharray: 5 5 }\n"
	".s5 polyline { stroke-dasharray: 12 4 } .s6 polyline { stroke-dasharray: 2 6 }\n"
	".s7 polyline { stroke-dasharray: 6 2 2 2 2 2 }\n"
	"</style>\n";

static void write_text(FILE *out, const char *before, const char *text, const char *after)
{
	if (!text)
		return;
	fputs(before, out);
	plot_escape(out, text);
	fputs(after, out);
}

/* When, where and how it was run. */
static void write_run(FILE *out, const struct report_run *run)
{
	write_text(out, "<h2>", run->bench, "</h2>\n");
	if (!run->run)
		return;
	fputs("<p>", out);
	write_text(out, "nn5g-bench ", record_text(run->run, "version"), "");
	write_text(out, ", ", record_text(run->run, "time"), "");
	write_text(out, ", ", record_text(run->run, "host.cpu"), "");
	fprintf(out, ", %g CPUs", record_number(run->run, "host.cpus"));
	write_text(out, ", Linux ", record_text(run->run, "host.kernel"), "");
	fprintf(out, ", %g MB</p>\n", record_number(run->run, "host.memory_mb"));
	write_text(out, "<pre>nn5g-bench ", run->bench, " ");
	const char *arguments = record_text(run->run, "arguments");
	write_text(out, "", arguments ? arguments : "", "</pre>\n");
}

static int write_body(FILE *out, const struct report_runs *runs)
{
	int rc = 0;
	report_write_verdicts(out, runs);
	for (unsigned int i = 0; rc == 0 && i < runs->n; i++) {
		fputs("<section>\n", out);
		write_run(out, &runs->of[i]);
		rc = report_write_plots(out, &runs->of[i]);
		report_write_cases(out, &runs->of[i]);
		fputs("</section>\n", out);
	}
	return rc;
}

static int write_page(FILE *out, const struct report_options *options,
		      const struct report_runs *runs)
{
	fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n", out);
	fputs(head, out);
	write_text(out, "<title>", options->title, "</title>\n</head>\n<body>\n<main>\n");
	write_text(out, "<h1>", options->title, "</h1>\n");
	if (options->n_bad > 0 || runs->n_left_out > 0)
		fprintf(out, "<p>%u lines could not be read, %u found no room.</p>\n",
			options->n_bad, runs->n_left_out);
	int rc = write_body(out, runs);
	fputs("</main>\n</body>\n</html>\n", out);
	return rc;
}

int report_write(FILE *out, const struct report_options *options, const struct records *records)
{
	struct report_runs *runs;
	int rc = report_runs_create(records, &runs);
	if (rc)
		return rc;
	if (options->is_markdown)
		report_write_markdown(out, runs, options->columns);
	else
		rc = write_page(out, options, runs);
	report_runs_destroy(runs);
	return rc ? rc : fflush(out) || ferror(out) ? -EIO : 0;
}

/* Number of bad lines, or negative errno; told. */
static int read_file(struct records *records, const char *path)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *file = is_stdin ? stdin : fopen(path, "re");
	if (!file) {
		int rc = -errno;
		fprintf(stderr, "nn5g-bench: %s: %s\n", path, strerror(-rc));
		return rc;
	}
	int n = records_read(records, file, is_stdin ? "standard input" : path, stderr);
	if (!is_stdin)
		fclose(file);
	return n;
}

static int read_files(struct records *records, char *const *paths)
{
	int n_bad = 0;
	for (; *paths; paths++) {
		int n = read_file(records, *paths);
		if (n < 0)
			return n;
		n_bad += n;
	}
	if (records_count(records) == 0) {
		fputs("nn5g-bench: there is nothing to report (commands write it with --json)\n",
		      stderr);
		return -ENODATA;
	}
	return n_bad;
}

/* To a new file beside it, so that a page that cannot be written does not replace one. */
static int write_file(const char *path, const struct report_options *options,
		      const struct records *records)
{
	char fresh[4096];
	if (!path)
		return report_write(stdout, options, records);
	if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh))
		return -ENAMETOOLONG;
	FILE *out = fopen(fresh, "we");
	if (!out)
		return -errno;
	int rc = report_write(out, options, records);
	if (fclose(out) && rc == 0)
		rc = -errno;
	if (rc == 0 && rename(fresh, path))
		rc = -errno;
	if (rc)
		remove(fresh);
	return rc;
}

static int run(const char *out, struct report_options *options, char *const *paths)
{
	struct records *records;
	if (records_create(&records))
		return EXIT_FAILURE;
	int n_bad = read_files(records, paths);
	options->n_bad = n_bad < 0 ? 0 : (unsigned int)n_bad;
	int rc = n_bad < 0 ? n_bad : write_file(out, options, records);
	if (n_bad >= 0 && rc)
		fprintf(stderr, "nn5g-bench: cannot write %s: %s\n", out ? out : "the page",
			strerror(-rc));
	records_destroy(records);
	return rc || n_bad ? EXIT_FAILURE : EXIT_SUCCESS;
}

int report_main(int argc, char **argv)
{
	static const struct option options[] = {
		{"title", required_argument, NULL, 't'}, {"out", required_argument, NULL, 'o'},
		{"markdown", no_argument, NULL, 'm'},    {"columns", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},        {0}};
	struct report_options chosen = {.title = "nn5g-bench"};
	const char *out = NULL;
	int option;
	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (option == 't') {
			chosen.title = optarg;
		} else if (option == 'o') {
			out = optarg;
		} else if (option == 'm') {
			chosen.is_markdown = true;
		} else if (option == 'c') {
			chosen.columns = optarg;
		} else {
			fputs(help, option == 'h' ? stdout : stderr);
			return option == 'h' ? EXIT_SUCCESS : 2;
		}
	}
	if (optind == argc) {
		fputs(help, stderr);
		return 2;
	}
	return run(out, &chosen, argv + optind);
}
