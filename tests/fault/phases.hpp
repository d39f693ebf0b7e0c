// The phases of a batch, as a program goes through them on a real disk, and what strikes it there.
#pragma once

#include <array>
#include <string_view>

namespace millrace::fault {

/// In about the order in which a batch meets them.
enum class phase : unsigned char {
  receive,           // the source is asked, or a receiver stores
  wal_append,        // a receiver's log is written
  wal_sync,          // and synced
  log_begin,         // the batch log gets a batch
  log_sync,          // and is synced
  compute,           // a function of the program
  stage,             // files are written where nobody looks
  file_commit,       // the list of what is committed is replaced
  publish,           // files get their names
  sql_commit,        // SQLite writes and syncs
  mark,              // the batch log gets the mark that a batch is done
  state_write,       // state goes to its files
  log_exchange,      // a new batch log is made
  checkpoint_write,  // the checkpoint itself
  checkpoint_rename,
  clean_up,  // what is old is removed
};

inline constexpr std::array phase_names{
    "receive", "wal_append",  "wal_sync",     "log_begin",        "log_sync",
    "compute", "stage",       "file_commit",  "publish",          "sql_commit",
    "mark",    "state_write", "log_exchange", "checkpoint_write", "checkpoint_rename",
    "clean_up"};

/// What is to happen when a phase is met.
struct strike {
  enum class kind : unsigned char {
    none,
    signal,  // sends it to the process
    error,   // the call fails with this number, and does nothing
    cut,     // the call writes half of what it was given
    clock,   // the machine's clock is set forward by so many seconds, from then on
  };
  enum class moment : unsigned char { before, within, after };  // of the call, for a signal

  kind what = kind::none;
  int number = 0;
  moment when = moment::before;
};

/// The program meets the phase once more. MILLRACE_FAULT_AT says where something is to happen:
/// "stage:3:KILL:within", the third time it meets `stage`; "call:3:…": the third call of all those
/// that change files, whatever its phase. The file MILLRACE_FAULT_STRUCK is made then.
strike enter(phase p);
/// Sends the signal, if that is the strike and the moment.
void happen(const strike& what, strike::moment now);
#ifdef MILLRACE_FAULT_NOWHERE
inline strike enter(phase) { return {}; }
inline void happen(const strike&, strike::moment) {}
#endif
/// For phases that are no call: before, within and after it are one.
inline void pass(phase p) {
  const strike what = enter(p);
  happen(what, what.when);
}

}  // namespace millrace::fault
