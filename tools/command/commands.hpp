// The subcommands of `millrace`, a file each.
#pragma once

#include <CLI/CLI.hpp>

namespace millrace::command {

void add_batches(CLI::App& app);
void add_checkpoint(CLI::App& app);
void add_deadletter(CLI::App& app);
void add_submit(CLI::App& app, int argc, char** argv);

/// Runs the command of the Python packages with the same arguments in place of this program.
/// Returns only where it is not there: false.
bool hand_to_python(int argc, char** argv);

}  // namespace millrace::command
