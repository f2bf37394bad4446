"""Which window is computed next, and where: admission, queue, dispatch, and what to do with work that kills workers."""
