--- Floe for Neovim: starts the language server and adds a few commands.
---
--- Neovim 0.11 and later get the configuration `floe` (see `lsp/floe.lua`); older ones, from 0.7 on,
--- start the server through an autocommand. Options are in `vim.g.floe` or given to |floe.setup()|.

local M = {}

---@class floe.Options
---@field cmd string[] how to start the server
---@field autostart boolean whether opening a Nix file starts it
---@field code_lens boolean whether code lenses are shown and kept up to date
---@field inlay_hints boolean whether hints are shown between the words (0.10 and later)
---@field folding boolean whether the server says what can be folded (0.11 and later)
---@field on_type_formatting boolean whether typing indents and closes (0.12 and later)
---@field linked_editing boolean whether a local name is edited with its uses (0.12 and later)
---@field settings table what the server gets as its configuration
local defaults = {
  cmd = { 'floe', 'lsp' },
  autostart = true,
  code_lens = true,
  inlay_hints = false,
  folding = false,
  on_type_formatting = false,
  linked_editing = false,
  settings = {},
}

M.root_markers = { 'flake.nix', 'shell.nix', 'default.nix', '.git' }

---@return floe.Options
function M.options()
  return vim.tbl_deep_extend('force', defaults, vim.g.floe or {})
end

--- Sets options. Call it before the first Nix file is opened.
---@param options floe.Options|nil
function M.setup(options)
  vim.g.floe = vim.tbl_deep_extend('force', vim.g.floe or {}, options or {})
  if vim.lsp.config then
    vim.lsp.config('floe', M.config())
  end
end

--- The client's configuration, for `vim.lsp.config` and `vim.lsp.start` alike.
function M.config()
  local options = M.options()
  return {
    name = 'floe',
    cmd = options.cmd,
    filetypes = { 'nix' },
    root_markers = M.root_markers,
    settings = { floe = options.settings },
    init_options = options.settings,
    on_attach = M.on_attach,
    commands = { ['floe.previewOverride'] = M.preview_override },
  }
end

--- Registers the file type, the commands, and what starts the server. Called by `plugin/floe.lua`.
function M.register()
  -- Before 0.9 Neovim does not know Nix files by itself, and before 0.8 it looks at no table of them.
  if vim.fn.has('nvim-0.8') == 1 then
    vim.filetype.add({ extension = { nix = 'nix' } })
  else
    vim.api.nvim_create_autocmd({ 'BufRead', 'BufNewFile' }, { pattern = '*.nix', command = 'setfiletype nix' })
  end

  vim.api.nvim_create_user_command('FloeExplain', function(command)
    M.explain(command.args ~= '' and command.args or nil)
  end, {
    nargs = '?',
    complete = function(lead)
      return vim.tbl_filter(function(slug)
        return vim.startswith(slug, lead)
      end, M.slugs())
    end,
    desc = 'Explain the error under the cursor, or the one named',
  })
  vim.api.nvim_create_user_command('FloeInfo', M.info, { desc = 'What Floe runs for this file' })
  vim.api.nvim_create_user_command('FloePreviewOverride', function()
    M.preview_override()
  end, { desc = 'What the override under the cursor changes' })

  if not M.options().autostart then
    return
  end
  if vim.lsp.enable then
    vim.lsp.enable('floe')
    return
  end
  vim.api.nvim_create_autocmd('FileType', {
    pattern = 'nix',
    group = vim.api.nvim_create_augroup('floe', {}),
    callback = function(event)
      M.start(event.buf)
    end,
  })
end

--- Starts the server for a buffer, or attaches it to the one that its workspace has.
function M.start(buffer)
  local config = M.config()
  config.root_dir = M.root_of(vim.api.nvim_buf_get_name(buffer))
  config.filetypes, config.root_markers = nil, nil
  if vim.lsp.start then
    vim.lsp.start(config, { bufnr = buffer })
    return
  end
  -- Neovim 0.7.
  for _, client in pairs(vim.lsp.get_active_clients()) do
    if client.name == config.name and client.config.root_dir == config.root_dir then
      vim.lsp.buf_attach_client(buffer, client.id)
      return
    end
  end
  local client_id = vim.lsp.start_client(config)
  if client_id then
    vim.lsp.buf_attach_client(buffer, client_id)
  end
end

--- The nearest folder around a file with one of the markers, or else its own folder.
function M.root_of(name)
  local folder = vim.fn.fnamemodify(name, ':p:h')
  local above = folder
  repeat
    for _, marker in ipairs(M.root_markers) do
      local path = above .. '/' .. marker
      if vim.fn.filereadable(path) == 1 or vim.fn.isdirectory(path) == 1 then
        return above
      end
    end
    local last = above
    above = vim.fn.fnamemodify(above, ':h')
  until above == last
  return folder
end

function M.on_attach(client, buffer)
  local options = M.options()
  if options.inlay_hints and vim.lsp.inlay_hint then
    vim.lsp.inlay_hint.enable(true, { bufnr = buffer })
  end
  if options.folding and vim.lsp.foldexpr then
    for _, window in ipairs(vim.fn.win_findbuf(buffer)) do
      vim.wo[window][0].foldmethod = 'expr'
      vim.wo[window][0].foldexpr = 'v:lua.vim.lsp.foldexpr()'
    end
  end
  if options.on_type_formatting and vim.lsp.on_type_formatting then
    vim.lsp.on_type_formatting.enable(true, { client_id = client.id })
  end
  if options.linked_editing and vim.lsp.linked_editing_range then
    vim.lsp.linked_editing_range.enable(true, { client_id = client.id })
  end
  M.keep_lenses(client, buffer, options)
end

--- Shows code lenses and keeps them up to date.
function M.keep_lenses(client, buffer, options)
  if not (client.server_capabilities.codeLensProvider and options.code_lens) then
    return
  end
  -- Neovim 0.12 keeps lenses up to date by itself.
  if vim.lsp.codelens.enable then
    vim.lsp.codelens.enable(true, { bufnr = buffer })
    return
  end
  -- Before 0.10 this takes no argument, and means the current buffer.
  vim.lsp.codelens.refresh({ bufnr = buffer })
  vim.api.nvim_create_autocmd({ 'BufEnter', 'CursorHold', 'InsertLeave' }, {
    buffer = buffer,
    callback = function()
      vim.lsp.codelens.refresh({ bufnr = buffer })
    end,
  })
end

--- The client of a buffer, or of any buffer.
function M.client(buffer)
  -- Neovim 0.7 takes no filter.
  local found
  for _, client in pairs((vim.lsp.get_clients or vim.lsp.get_active_clients)()) do
    if client.name == 'floe' then
      if buffer and vim.lsp.buf_is_attached(buffer, client.id) then
        return client
      end
      found = found or client
    end
  end
  return found
end

--- Shows what an override changes: of the lens that was clicked, or of the place under the cursor.
function M.preview_override(command)
  -- With the buffer's number Neovim sends what was typed before it asks.
  local buffer = vim.api.nvim_get_current_buf()
  local client = M.client(buffer)
  if not client then
    vim.notify('Floe is not running for this file', vim.log.levels.WARN)
    return
  end
  local place = command and command.arguments and command.arguments[1]
  if not place then
    local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
    place = { uri = params.textDocument.uri, position = params.position }
  end
  local request = { command = 'floe.previewOverride', arguments = { place } }
  local function show(error, preview)
    if error then
      vim.notify(error.message, vim.log.levels.ERROR)
    elseif not preview or preview == vim.NIL then
      vim.notify('There is no override here', vim.log.levels.INFO)
    else
      M.show(vim.split(preview.markdown, '\n'), 'markdown')
    end
  end
  if vim.fn.has('nvim-0.11') == 1 then
    client:request('workspace/executeCommand', request, show, buffer)
  else
    client.request('workspace/executeCommand', request, show, buffer)
  end
end

--- Shows the page of an error: the one named, or that of the diagnostic under the cursor.
function M.explain(slug)
  slug = slug or M.slug_at_cursor()
  if not slug then
    vim.notify('There is no error of Floe on this line; :FloeExplain NAME takes one', vim.log.levels.INFO)
    return
  end
  local lines = M.run({ 'explain', slug })
  if vim.v.shell_error ~= 0 then
    vim.notify(table.concat(lines, '\n'), vim.log.levels.ERROR)
    return
  end
  M.show(lines, 'text')
end

--- The name of the error on the cursor's line; one that spans the cursor's column comes first.
function M.slug_at_cursor()
  local line, column = unpack(vim.api.nvim_win_get_cursor(0))
  local found
  for _, diagnostic in ipairs(vim.diagnostic.get(0, { lnum = line - 1 })) do
    -- Neovim 0.7 keeps the code with what the server said.
    local code = diagnostic.code or (((diagnostic.user_data or {}).lsp or {}).code)
    if diagnostic.source == 'floe' and code then
      local spans = diagnostic.col <= column and column < (diagnostic.end_col or diagnostic.col + 1)
      if spans or not found then
        found = code
      end
    end
  end
  return found
end

--- The names of all errors.
function M.slugs()
  local ok, pages = pcall(vim.json.decode, table.concat(M.run({ 'explain', '--format', 'json' }), '\n'))
  return ok and vim.tbl_map(function(page)
    return page.slug
  end, pages) or {}
end

--- Says which server runs and where.
function M.info()
  local client = M.client(vim.api.nvim_get_current_buf())
  local lines = { 'program: ' .. M.program() .. ' (' .. (M.run({ '--version' })[1] or 'not found') .. ')' }
  if client then
    local server = client.server_info or {}
    table.insert(lines, ('server: %s %s'):format(server.name or 'floe', server.version or ''))
    table.insert(lines, 'workspace: ' .. tostring(client.config.root_dir or client.root_dir))
  else
    table.insert(lines, 'server: not running for this buffer')
  end
  vim.api.nvim_echo({ { table.concat(lines, '\n') } }, false, {})
  return lines
end

--- The program that the server is part of.
function M.program()
  return M.options().cmd[1]
end

--- Runs the program and returns the lines of its output.
function M.run(arguments)
  if vim.fn.executable(M.program()) == 0 then
    return {}
  end
  local command = { M.program() }
  vim.list_extend(command, arguments)
  return vim.fn.systemlist(command)
end

--- Shows lines in a floating window that `q` closes.
function M.show(lines, syntax)
  local buffer, window = vim.lsp.util.open_floating_preview(lines, syntax, {
    border = 'rounded',
    max_width = 100,
    focusable = true,
    focus_id = 'floe',
  })
  vim.keymap.set('n', 'q', '<cmd>close<cr>', { buffer = buffer, nowait = true })
  return buffer, window
end

return M
