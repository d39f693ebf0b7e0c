// millrace submit: runs a program, as spark-submit does.
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "commands.hpp"
#include "millrace/error.hpp"

namespace millrace::command {

namespace {

struct given {
  std::string master;
  std::string checkpoint;
  std::vector<std::string> conf;
  bool supervise = false;
  bool verbose = false;
};

// What spark-submit takes. These say where and with what to run, and there is one machine here.
constexpr const char* left_out[] = {"--class",
                                    "--deploy-mode",
                                    "--driver-class-path",
                                    "--driver-cores",
                                    "--driver-memory",
                                    "--driver-java-options",
                                    "--driver-library-path",
                                    "--exclude-packages",
                                    "--executor-cores",
                                    "--executor-memory",
                                    "--jars",
                                    "--keytab",
                                    "--num-executors",
                                    "--packages",
                                    "--principal",
                                    "--proxy-user",
                                    "--queue",
                                    "--repositories",
                                    "--total-executor-cores"};
// These say something, but to Python programs alone.
constexpr const char* of_python[] = {"--archives", "--files", "--name", "--properties-file",
                                     "--py-files"};

/// The program in place of this one, which mr::launch tells what was given; its own arguments last.
[[noreturn]] void execute(const given& options, std::vector<std::string> program) {
  std::vector<std::string> words{program[0]};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) words.insert(words.end(), {name, value});
  };
  add("--master", options.master);
  add("--checkpoint", options.checkpoint);
  for (const std::string& one : options.conf) add("--conf", one);
  if (options.supervise) words.emplace_back("--supervise");
  words.insert(words.end(), program.begin() + 1, program.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  // As a path first: programs are submitted from where they were built.
  if (std::filesystem::exists(program[0]))
    ::execv(std::filesystem::absolute(program[0]).c_str(), argv.data());
  else ::execvp(program[0].c_str(), argv.data());
  throw error("the program can't be run (" + std::generic_category().message(errno) +
              "): " + program[0]);
}

}  // namespace

void add_submit(CLI::App& app, int argc, char** argv) {
  CLI::App* const submit = app.add_subcommand("submit",
                                              "Run PROGRAM [ARGUMENT ...]: one that enters through "
                                              "mr::launch, or a Python program (.py), which may be "
                                              "written for pyspark. The arguments are its own");
  auto options = std::make_shared<given>();
  submit->add_option("--master", options->master, "Where: local, local[N], local[*], local[N,F]");
  submit->add_option("--checkpoint", options->checkpoint, "Where the stream's state is kept");
  submit
      ->add_option("-c,--conf", options->conf, "NAME=VALUE, a setting; may be given several times")
      ->allow_extra_args(false);
  submit->add_flag("--supervise", options->supervise, "Starts the program again when it dies");
  submit->add_flag("-v,--verbose", options->verbose)->group("");
  auto unused = std::make_shared<std::vector<std::string>>();
  for (const char* const name : left_out)
    submit->add_option(name, *unused)->allow_extra_args(false)->group("");
  for (const char* const name : of_python)
    submit->add_option(name, *unused)->allow_extra_args(false)->group("");
  submit->prefix_command();
  submit->footer(
      "Python programs take --name, --py-files, --files, --archives and --properties-file too. "
      "What else spark-submit knows (--deploy-mode, --executor-memory ...) makes no difference.");
  submit->callback([submit, options, unused, argc, argv] {
    const std::vector<std::string> program = submit->remaining();
    if (program.empty()) throw CLI::RequiredError("PROGRAM");
    // Options that are not ours may be those of Python programs.
    const bool python = program[0].ends_with(".py") || program[0].starts_with('-');
    for (const char* const name : of_python)
      if (!python && submit->count(name) != 0)
        throw usage_error(std::string("this option is for Python programs; others enter through "
                                      "mr::launch, and their code says it: ") +
                          name);
    if (!python) execute(*options, program);
    if (!hand_to_python(argc, argv))
      throw error(
          "there is no such option, or this is a Python program, and the Python packages "
          "are not installed beside this program: " +
          program[0]);
  });
}

}  // namespace millrace::command
