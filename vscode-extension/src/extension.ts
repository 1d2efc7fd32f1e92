// The extension: starts `floe lsp`, and shows what the server's commands answer.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as vscode from "vscode";
import {
  ExecuteCommandSignature,
  LanguageClient,
  LanguageClientOptions,
  ServerOptions,
} from "vscode-languageclient/node";

const PREVIEW_OVERRIDE = "floe.previewOverride";
const PAGES = "floe-page";

let client: LanguageClient | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const pages = new Pages();
  context.subscriptions.push(
    vscode.workspace.registerTextDocumentContentProvider(PAGES, pages),
    vscode.commands.registerCommand("floe.restart", restart),
    vscode.commands.registerCommand("floe.explain", (slug?: string) => explain(pages, slug)),
    vscode.commands.registerCommand("floe.previewOverrideAtCursor", previewOverrideAtCursor),
    // The program and the formatter that an untrusted folder's settings name are not run before.
    vscode.workspace.onDidGrantWorkspaceTrust(restart),
    vscode.workspace.onDidChangeConfiguration(async (change) => {
      if (change.affectsConfiguration("floe.server") || change.affectsConfiguration("floe.nixpkgs")) {
        await restart();
      }
    }),
  );

  async function restart(): Promise<void> {
    await client?.dispose();
    client = createClient(pages);
    try {
      await client.start();
    } catch (error) {
      await reportMissingServer(error);
    }
  }
  await restart();
}

export async function deactivate(): Promise<void> {
  await client?.stop();
}

function createClient(pages: Pages): LanguageClient {
  const configuration = vscode.workspace.getConfiguration("floe");
  const server: ServerOptions = {
    command: program(),
    args: configuration.get<string[]>("server.arguments", ["lsp"]),
  };
  const options: LanguageClientOptions = {
    documentSelector: [{ scheme: "file", language: "nix" }],
    outputChannelName: "Floe",
    initializationOptions: {
      nixpkgs: configuration.get<string>("nixpkgs") || undefined,
    },
    middleware: {
      // The lens above an override runs a command of the server; its answer is shown here.
      executeCommand: async (command, parameters, next: ExecuteCommandSignature) => {
        const answer = await next(command, parameters);
        if (command === PREVIEW_OVERRIDE) {
          await showPreview(pages, answer as OverridePreview | null);
        }
        return answer;
      },
    },
  };
  return new LanguageClient("floe", "Floe", server, options);
}

/** What `floe.previewOverride` answers. */
interface OverridePreview {
  summary: string;
  markdown: string;
}

async function showPreview(pages: Pages, preview: OverridePreview | null): Promise<void> {
  if (preview === null) {
    await vscode.window.showInformationMessage("There is no override here.");
    return;
  }
  await pages.show("override", preview.markdown);
}

async function previewOverrideAtCursor(): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined) {
    return;
  }
  const { line, character } = editor.selection.active;
  const place = { uri: editor.document.uri.toString(), position: { line, character } };
  await vscode.commands.executeCommand(PREVIEW_OVERRIDE, place);
}

/** Shows the page of an error: the one named, that of the error at the cursor, or one of a list. */
async function explain(pages: Pages, slug?: string): Promise<void> {
  const all = await explanations();
  const chosen = slug ?? slugAtCursor() ?? (await pick(all));
  const page = all.find((page) => page.slug === chosen);
  if (page !== undefined) {
    await pages.show(page.slug, markdown(page));
  }
}

/** A page of `floe explain --format json`. */
interface Explanation {
  slug: string;
  title: string;
  why: string;
  example: string;
  message: string;
  fix: string;
  fixed: string;
}

async function explanations(): Promise<Explanation[]> {
  try {
    const { stdout } = await promisify(execFile)(program(), ["explain", "--format", "json"]);
    return JSON.parse(stdout) as Explanation[];
  } catch (error) {
    await reportMissingServer(error);
    return [];
  }
}

async function pick(pages: Explanation[]): Promise<string | undefined> {
  const items = pages.map(({ slug, title }) => ({ label: slug, description: title }));
  return (await vscode.window.showQuickPick(items, { matchOnDescription: true }))?.label;
}

function slugAtCursor(): string | undefined {
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined) {
    return undefined;
  }
  const here = vscode.languages
    .getDiagnostics(editor.document.uri)
    .find(({ source, range }) => source === "floe" && range.contains(editor.selection.active));
  const code = here?.code;
  return typeof code === "object" ? String(code.value) : code?.toString();
}

function markdown(page: Explanation): string {
  const block = (language: string, code: string) => "```" + language + "\n" + code + "\n```";
  return [
    `# ${page.title}`,
    page.why,
    "## Example",
    block("nix", page.example),
    block("text", page.message),
    "## How to fix it",
    page.fix,
    block("nix", page.fixed),
  ].join("\n\n");
}

function program(): string {
  return vscode.workspace.getConfiguration("floe").get<string>("server.path") || "floe";
}

async function reportMissingServer(error: unknown): Promise<void> {
  const reason = error instanceof Error ? error.message : String(error);
  const choose = "Choose Program";
  const message = `Floe cannot be started as '${program()}': ${reason}`;
  if ((await vscode.window.showErrorMessage(message, choose)) === choose) {
    await vscode.commands.executeCommand("workbench.action.openSettings", "floe.server.path");
  }
}

/** Read-only Markdown documents that are shown rendered, beside the code. */
class Pages implements vscode.TextDocumentContentProvider {
  private readonly contents = new Map<string, string>();
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.contents.get(uri.path) ?? "";
  }

  async show(name: string, text: string): Promise<void> {
    const uri = vscode.Uri.from({ scheme: PAGES, path: `/${name}.md` });
    this.contents.set(uri.path, text);
    this.changed.fire(uri);
    await vscode.commands.executeCommand("markdown.showPreviewToSide", uri);
  }
}
