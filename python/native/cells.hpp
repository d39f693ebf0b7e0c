// Rows of columns, as workers write them (millrace/cells.py), for connectors that want rows of the
// engine's own.
#pragma once

#include <string>
#include <string_view>

#include "millrace/detail/dataset/node.hpp"
#include "millrace/detail/formats/named_row.hpp"

namespace millrace::python {

/// A row of so many columns, each a std::optional of what its letter says: `s` text or bytes, `i`
/// std::int64_t, `f` double, `o` bool. Lives as long as the process.
const detail::row_type& cells_of(const std::string& kinds);
/// The same with names for them.
const detail::named_row& named_cells_of(const std::string& kinds);

/// The rows of a dataset of frames that cells.py wrote; of `rows` all fields are optionals as
/// above.
detail::node_ptr rows_of_cells(const detail::node_ptr& frames, const detail::row_type& rows);
/// The lines of a dataset of frames of text.
detail::node_ptr lines_of_frames(const detail::node_ptr& frames);

}  // namespace millrace::python
