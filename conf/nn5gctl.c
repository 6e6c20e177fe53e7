/* The operator's command line: the tables of all its commands (ctl_*.c), joined; and the commands
 * that speak of the program itself. Results go to standard output, everything else to standard
 * error. */
#include <stdio.h>

#include "conf/command.h"
#include "conf/config.h"
#include "conf/ctl.h"
#include "conf/operator.h"
#include "conf/tenants.h"

static const struct command_table table;

static int reference_run(const struct command_line *line)
{
	(void)line;
	puts("# gateway.yaml\n");
	config_reference(stdout);
	puts("\n# tenants.yaml\n\nEach item of `tenants`:\n");
	tenants_reference(stdout);
	return COMMAND_DONE;
}

static int methods_run(const struct command_line *line)
{
	(void)line;
	rpc_table_reference(&operator_table, stdout);
	return COMMAND_DONE;
}

static int completion_run(const struct command_line *line)
{
	command_completion(&table, line->words[0], stdout);
	return COMMAND_DONE;
}

static int manual_run(const struct command_line *line)
{
	(void)line;
	command_manual(&table, stdout);
	return COMMAND_DONE;
}

static const struct command own_commands[] = {
	{
		.name = "config reference",
		.text = "print all keys of gateway.yaml and tenants.yaml",
		.detail = "Prints a Markdown table of every key: values, default, whether a reload "
			  "takes it over.",
		.run = reference_run,
	},
	{
		.name = "control reference",
		.text = "print all methods of the control socket",
		.detail = "Prints the reference of what nn5g-control answers on its socket "
			  "(JSON-RPC 2.0, a message a line), as Markdown.",
		.run = methods_run,
	},
	{
		.name = "completion",
		.arguments = "bash|zsh|fish",
		.text = "print a script that completes these commands",
		.detail = "Prints a script for the shell that completes commands, options and "
			  "their values.",
		.examples = "source <(nn5gctl completion bash)\n"
			    "nn5gctl completion fish > ~/.config/fish/completions/nn5gctl.fish",
		.run = completion_run,
	},
	{
		.name = "manual",
		.text = "print this program's man page",
		.detail = "Prints the man page as mdoc source.",
		.examples = "nn5gctl manual | man -l -",
		.run = manual_run,
	},
};

static const struct command_group own_group = {
	.title = "Program",
	.commands = own_commands,
	.n_commands = sizeof(own_commands) / sizeof(own_commands[0]),
};

static const struct command_group *const groups[] = {
	&ctl_tenant_commands, &ctl_plan_commands,    &ctl_budget_commands, &ctl_session_commands,
	&ctl_top_commands,    &ctl_ledger_commands,  &ctl_key_commands,    &ctl_token_commands,
	&ctl_memory_commands, &ctl_profile_commands, &ctl_secret_commands, &own_group,
};

static const struct command_section sections[] = {
	{"ENVIRONMENT", ".Bl -tag -width Ds\n"
			".It Ev NN5G_CONTROL_SOCKET\n"
			"The control socket, where\n"
			".Fl -socket\n"
			"is not given.\n"
			".It Ev NN5G_ADMIN_SOCKET\n"
			"The admin socket of a gateway, where\n"
			".Fl -admin\n"
			"is not given.\n"
			".It Ev NO_COLOR\n"
			"Anything but the empty text: no colours on a terminal.\n"
			".El\n"},
	{"FILES",
	 ".Bl -tag -width Ds\n"
	 ".It Pa ./state/control.sock , ./run/state/control.sock , /var/lib/nn5g/control.sock\n"
	 "Where the control socket is looked for; the first that exists is taken.\n"
	 ".It Pa ./state/admin.sock , ./run/state/admin.sock , /var/lib/nn5g/admin.sock\n"
	 "The same for the admin socket.\n"
	 ".El\n"},
	{"SEE ALSO", ".Xr nn5g-control 8 ,\n.Xr nn5g-gateway 8\n"},
	{"STANDARDS",
	 "JSON-RPC 2.0, RFC 7396, RFC 7515, RFC 7517, RFC 7519, RFC 8037, RFC 8725, RFC 9162.\n"},
};

static const struct command_table table = {
	.program = "nn5gctl",
	.text = "Operate NN-5G edge gateways.",
	.groups = groups,
	.n_groups = sizeof(groups) / sizeof(groups[0]),
	.common_options = ctl_common_options,
	.n_common_options = CTL_OPTIONS,
	.date = "November 26, 2026",
	.description =
		"operates NN-5G edge gateways: it makes the keys and tokens that\n"
		".Xr nn5g-gateway 8\n"
		"asks for; through the control socket of\n"
		".Xr nn5g-control 8\n"
		"it creates tenants, plans and slices, changes their limits, and watches sessions\n"
		"and usage; and it verifies ledgers.\n"
		"Results go to standard output, everything else to standard error.\n"
		"Money is typed and shown as a decimal number of the currency with up to six\n"
		"places; with\n"
		".Fl -json\n"
		"it is micros, as everywhere else.\n",
	.sections = sections,
	.n_sections = sizeof(sections) / sizeof(sections[0]),
};

int main(int argc, char **argv)
{
	return command_main(&table, argc, argv);
}
