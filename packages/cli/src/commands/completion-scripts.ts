/**
 * Completion for shells, made from the commands as they are defined. It knows commands, options and
 * their choices, and not the names of secrets: a TAB key must not ask a store, nor run the
 * configuration of a repository that somebody has just looked into.
 */
import type { Argument, Command, Option } from 'commander';

/** The shells that there is completion for. */
export type Shell = 'bash' | 'zsh' | 'fish';

interface CompletedOption {
  /** `--format`, and `-f` where it has one. */
  readonly flags: readonly string[];
  readonly description: string;
  readonly takesValue: boolean;
  /** The values it may have, where they are a list. */
  readonly choices: readonly string[];
}

interface CompletedCommand {
  readonly name: string;
  readonly description: string;
  readonly options: readonly CompletedOption[];
  /** What its first argument may be, where that is a list. */
  readonly choices: readonly string[];
  /** Whether other arguments follow that one. */
  readonly takesMore: boolean;
}

interface CommandLine {
  readonly commands: readonly CompletedCommand[];
  /** The options that stand before or after every command. */
  readonly options: readonly CompletedOption[];
}

/** The script that teaches `shell` the command line `program`. */
export function completionScript(shell: Shell, program: Command): string {
  const commands = program.commands.filter((command) => command.name() !== 'help');
  const line: CommandLine = {
    commands: [
      ...commands.map((command) => ({
        name: command.name(),
        description: command.description(),
        options: command.options.map(completed),
        choices: choicesOf(command.registeredArguments[0]),
        takesMore: command.registeredArguments.length > 1,
      })),
      {
        name: 'help',
        description: 'Show how a command is used.',
        options: [],
        choices: commands.map((command) => command.name()),
        takesMore: false,
      },
    ],
    options: [...program.options.map(completed), helpOption],
  };
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](line);
}

const helpOption: CompletedOption = {
  flags: ['-h', '--help'],
  description: 'show how it is used',
  takesValue: false,
  choices: [],
};

function completed({
  short,
  long,
  description,
  required,
  argChoices = [],
}: Option): CompletedOption {
  const flags = [short, long].filter((flag) => flag !== undefined);
  return { flags, description, takesValue: required, choices: argChoices };
}

function choicesOf(argument: Argument | undefined): readonly string[] {
  return argument?.argChoices ?? [];
}

/** Every option whose next word is its value, whichever command has it. */
function valuedOf({ commands, options }: CommandLine): readonly CompletedOption[] {
  const all = [...options, ...commands.flatMap((command) => command.options)];
  return all.filter(({ takesValue }) => takesValue);
}

const flagsOf = (options: readonly CompletedOption[]) => options.flatMap(({ flags }) => flags);

function bashScript(line: CommandLine): string {
  const { commands, options } = line;
  const valued = valuedOf(line);
  const pattern = (some: readonly CompletedOption[]) => [...new Set(flagsOf(some))].join(' | ');
  const chosen = commands.flatMap(({ name, options: own }) =>
    own
      .filter(({ choices }) => choices.length > 0)
      .map(
        (option) =>
          `    ${option.flags.map((flag) => `'${name} ${flag}'`).join(' | ')}) words='${option.choices.join(' ')}' ;;`,
      ),
  );
  return `# Completion of keyfall for bash: source <(keyfall completion bash)
_keyfall() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} command='' argument='' words='' i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
    --)
      # what follows is another program's: its name here, its arguments as it completes them, or files
      [[ $command == run ]] || return
      if ((i + 1 == COMP_CWORD)); then
        COMPREPLY=($(compgen -c -- "$cur"))
      elif declare -F _comp_command_offset > /dev/null; then
        _comp_command_offset $((i + 1))
      elif declare -F _command_offset > /dev/null; then
        _command_offset $((i + 1))
      fi
      return
      ;;
    ${pattern(valued)})
      # --option=value is three words here
      [[ \${COMP_WORDS[i + 1]} != = ]] || ((i++))
      ((i++))
      ;;
    -*) ;;
    *) if [[ -n $command ]]; then argument=\${COMP_WORDS[i]}; else command=\${COMP_WORDS[i]}; fi ;;
    esac
  done
  [[ $cur != = ]] || cur=''
  [[ $prev != = ]] || prev=\${COMP_WORDS[COMP_CWORD - 2]}
  case "$command $prev" in
${chosen.join('\n')}
  esac
  if [[ -z $words ]]; then
    case $prev in
    # a value: files are offered
    ${pattern(valued)}) return ;;
    esac
    if [[ $cur == -* ]]; then
      case $command in
${commands
  .filter((command) => command.options.length > 0)
  .map(({ name, options: own }) => `      ${name}) words='${flagsOf(own).join(' ')}' ;;`)
  .join('\n')}
      esac
      words+=' ${flagsOf(options).join(' ')}'
    else
      # for any other argument files are offered
      case $command in
      '') words='${commands.map(({ name }) => name).join(' ')}' ;;
${commands
  .filter(({ choices }) => choices.length > 0)
  .map(
    ({ name, choices, takesMore }) =>
      `      ${name}) ${takesMore ? '[[ -z $argument ]] || return; ' : ''}words='${choices.join(' ')}' ;;`,
  )
  .join('\n')}
      *) return ;;
      esac
    fi
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _keyfall keyfall
`;
}

function zshScript(line: CommandLine): string {
  const { commands, options } = line;
  const valued = [...new Set(flagsOf(valuedOf(line)))].join(' | ');
  const specs = (some: readonly CompletedOption[]) =>
    some.flatMap((option) => option.flags.map((flag) => `'${zshSpec(flag, option)}'`));
  const join = (lines: readonly string[], indent: string) => lines.join(` \\\n${indent}`);
  return `#compdef keyfall
# Completion of keyfall for zsh: source <(keyfall completion zsh)
_keyfall() {
  local curcontext=$curcontext state line command=''
  local -A opt_args
  local -a commands
  local -i at
  for ((at = 2; at < CURRENT; at++)); do
    case $words[at] in
    --)
      # what follows is another program's, which completes it
      [[ $command == run ]] || return
      shift $at words
      ((CURRENT -= at))
      _normal
      return
      ;;
    ${valued}) ((at++)) ;;
    -*) ;;
    *) [[ -n $command ]] || command=$words[at] ;;
    esac
  done
  _arguments -C -S \\
    ${join([...specs(options), "'1:command:->command'", "'*::argument:->argument'"], '    ')}
  case $state in
  command)
    commands=(
${commands.map(({ name, description }) => `      '${zshText(`${name}:${description}`)}'`).join('\n')}
    )
    _describe command commands
    ;;
  argument)
    case $words[1] in
${commands
  .map(({ name, options: own, choices, takesMore }) => {
    const files = "'*:argument:_files'";
    const first = `'1:argument:(${choices.join(' ')})'`;
    const argument =
      name === 'run'
        ? "'*::program:_command_names -e'"
        : choices.length === 0
          ? files
          : takesMore
            ? `${first} ${files}`
            : first;
    return `    ${name})
      _arguments -S \\
        ${join([...specs([...own, ...options]), argument], '        ')}
      ;;`;
  })
  .join('\n')}
    esac
    ;;
  esac
}
if [[ \${funcstack[1]} == _keyfall ]]; then _keyfall "$@"; else compdef _keyfall keyfall; fi
`;
}

/** `--format[description]:value:(dotenv json)`, in single quotes. */
function zshSpec(flag: string, { description, takesValue, choices }: CompletedOption): string {
  const values = choices.length > 0 ? `(${choices.join(' ')})` : '_files';
  const text = zshText(description.replace(/[[\]]/g, '\\$&'));
  if (!takesValue) return `${flag}[${text}]`;
  // = for --format=json, beside --format json
  return `${flag}${flag.startsWith('--') ? '=' : ''}[${text}]:value:${values}`;
}

function zshText(text: string): string {
  return text.replaceAll("'", "'\\''");
}

function fishScript(line: CommandLine): string {
  const { commands, options } = line;
  const optionLine = (condition: string, option: CompletedOption) => {
    const { flags, description, takesValue, choices } = option;
    const names = flags.map((flag) =>
      flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
    );
    const value =
      choices.length > 0 ? ` -x -a ${fishText(choices.join(' '))}` : takesValue ? ' -r -F' : '';
    return `complete -c keyfall ${condition}${names.join(' ')}${value} -d ${fishText(description)}`;
  };
  const inCommand = (name: string) => `-n '__keyfall_is ${name}' `;
  const firstOf = (name: string) =>
    `-n '__keyfall_is ${name}; and test (count (__keyfall_words)) = 1' `;
  const valued = [...new Set(flagsOf(valuedOf(line)))].join(' ');
  return `# Completion of keyfall for fish: keyfall completion fish | source

# The command that was typed, and -- if that was; an option's value is neither.
function __keyfall_words
  set -l is_value 0
  for word in (commandline -opc)[2..]
    if test $is_value = 1
      set is_value 0
      continue
    end
    if test "x$word" = x--
      printf '%s\\n' --
      return
    end
    switch $word
      case ${valued}
        set is_value 1
      case '-*'
      case '*'
        echo $word
    end
  end
end

function __keyfall_is
  set -l words (__keyfall_words)
  test "$words[1]" = "$argv[1]"; and not contains -- -- $words
end

function __keyfall_has_none
  test -z "$(__keyfall_words)"
end

function __keyfall_has_program
  test "$(__keyfall_words | string join ' ')" = 'run --'
end

# What follows -- is another program's, which completes it.
function __keyfall_program
  set -l words (commandline -opc)
  set -l at (contains -i -- -- $words)
  complete -C (string join ' ' -- (string escape -- $words[(math $at + 1)..]) (commandline -ct))
end

complete -c keyfall -n __keyfall_has_none -f
complete -c keyfall -n __keyfall_has_program -x -a '(__keyfall_program)'
${options.map((option) => optionLine('', option)).join('\n')}
${commands
  .flatMap(({ name, description, options: own, choices, takesMore }) => [
    `complete -c keyfall -n __keyfall_has_none -f -a ${name} -d ${fishText(description)}`,
    ...own.map((option) => optionLine(inCommand(name), option)),
    ...(choices.length > 0
      ? [
          `complete -c keyfall ${takesMore ? firstOf(name) : inCommand(name)}-f -a ${fishText(choices.join(' '))}`,
        ]
      : []),
  ])
  .join('\n')}
`;
}

function fishText(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
