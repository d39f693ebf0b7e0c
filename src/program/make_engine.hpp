// From what a program writes to a running engine.
#pragma once

#include <memory>

#include "millrace/context.hpp"

namespace millrace::program {

/// `time`: null for the system's clock.
std::shared_ptr<detail::engine> make_engine(const context_options& o,
                                            detail::clock* time = nullptr);

}  // namespace millrace::program
