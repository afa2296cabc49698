# The house style, as far as a program can judge it; cppcheck; the names that
# the modules export.

use strict;
use warnings;

use Test::More;

use Carmen::Cluster;
use Carmen::Nginx;

my $ROOT = $Carmen::Cluster::ROOT;
chdir $ROOT or die "$ROOT: $!";

sub slurp { return Carmen::Nginx::slurp(@_) }

# The files of the project: what git knows, and what it would take.

sub files
{
    my ($pattern) = @_;
    my @files = split /\0/, `git ls-files -z -co --exclude-standard 2>/dev/null`;
    @files = map { s{^\./}{}r } split /\0/, `find . -type f -print0`
        if !@files;
    return sort grep { -e && m{$pattern} && !m{^\.(?:build|run|git)/} } @files;
}

my @c = files(qr/\.[ch]$/);
my @product = grep { m{^(?:modules|shared)/} } @c;
my @script = files(qr{\.(?:pl|pm|t|sh|sql|conf)$|^config$
    |^packaging/(?:build|deb|migrate|needs|quickstart)$
    |^t/run$|/compile-statements$}x);

sub clean
{
    my ($name, @found) = @_;
    ok(!@found, $name) or diag(join "\n", @found > 30
        ? (@found[0 .. 29], '...') : @found);
}

# Lines that match, as file:line.
sub lines
{
    my ($pattern, @files) = @_;
    my @found;

    for my $file (@files) {
        my $n = 0;
        for (split /\n/, slurp($file)) {
            $n++;
            push @found, "$file:$n: $_" if $_ =~ $pattern;
        }
    }
    return @found;
}

# Text without comments and strings, lines kept.
sub code
{
    my ($file) = @_;
    my $text = slurp($file);
    $text =~ s{(/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')}
              { my $t = $1; $t =~ m{^/} ? $t =~ s/[^\n]//gr : '""' }gse;
    return $text;
}

sub code_lines
{
    my ($pattern, @files) = @_;
    my @found;

    for my $file (@files) {
        my $n = 0;
        for (split /\n/, code($file)) {
            $n++;
            push @found, "$file:$n: $_" if $_ =~ $pattern;
        }
    }
    return @found;
}

# Form.

clean('79 columns in C', lines(qr/^.{80}/, @c));
clean('no tabs', lines(qr/\t/, @c, grep { !m{debian/rules$} } @script));
clean('no trailing space', lines(qr/[ \t\r]$/, @c, @script));
clean('every file ends with one newline', grep {
    my $text = slurp($_);
    length $text && $text !~ /[^\n]\n\z/;
} @c, @script);
clean('no file of C has more than 1000 lines', grep {
    (() = slurp($_) =~ /\n/g) > 1000
} @product);
clean('comments are /* */', code_lines(qr{(?<!:)//}, @c));
clean('a space after a keyword',
      code_lines(qr/\b(?:if|for|while|switch)\(/, @c));
clean('a space before a brace', code_lines(qr/\)\{|\belse\{|\bdo\{/, @c));
clean('else on the line of the brace', code_lines(qr/^\s*else\b/, @product));
clean('functions open their brace on a line of its own',
      code_lines(qr/^(?:static )?(?:ngx_\w+_t|void|char|int)\b[^;=]*\)\s*\{/,
                 @product));
clean('the return type stands on a line of its own', code_lines(
      qr/^(?:static )?(?:ngx_\w+|carmen_\w+|void|char|int|u_char|size_t)\s
         [\s*]*\w+\([^;]*\)\s*$/x, @product));
clean('nothing is put off', lines(qr/\b(?:TODO|FIXME|XXX:)/, @c,
      grep { $_ ne 't/style.t' } @script));

# What a worker must not do, and what is too easily done wrong.

my $banned = join '|', qw(PQexec\w* PQcancel PQgetCancel PQfn PQprepare
    PQdescribe\w+ PQconnectdb PQconnectdbParams PQreset PQsetdb\w*
    getaddrinfo gethostby\w+ getservby\w+
    strcpy strcat stpcpy sprintf vsprintf gets strtok atoi atol atof
    system popen alloca rand srand random tmpnam mktemp
    sleep usleep nanosleep fopen);
clean('no banned function',
      code_lines(qr/(?<![\w.>])(?:$banned)\s*\(/, @product));
clean('libpq\'s private headers stay private',
      lines(qr/libpq-int\.h|pqexpbuffer\.h|internal\/c\.h/, @product));
clean('PQgetResult only where PQisBusy is asked', grep {
    my $code = code($_);
    $code =~ /\bPQgetResult\b/ && $code !~ /\bPQisBusy\b/;
} @product);
clean('no edge-triggered events', code_lines(qr/\bEPOLLET\b/, @product));
clean('no query text in C', lines(
      qr/"\s*(?:SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM)\b(?!.*set_config)/,
      grep { m{^modules/} } @product));
clean('tests wait for conditions', code_lines(
      qr/\bsleep\s*\(?\s*[1-9]/, files(qr{^t/[^/]+\.t$})));

# Floors: base, wire, api, flow; a domain sees carmen.h and itself.

my %owner;
for my $file (grep { /\.h$/ } @product) {
    my ($name) = $file =~ m{([^/]+)$};
    $owner{$name} = $file;
}

my (@up, @across);
for my $file (@product) {
    for my $line (lines(qr/^#include\s+"/, $file)) {
        my ($name) = $line =~ m{"(?:.*/)?([^"/]+)"} or next;
        my $other = $owner{$name} // next;
        my ($domain) = $file =~ m{^modules/([^/]+)/};

        push @across, $line if $domain && $other =~ m{^modules/([^/]+)/}
            && $1 ne $domain;
        push @across, $line if $domain && $domain ne 'core'
            && $other =~ m{^shared/} && $other ne 'shared/carmen.h';
        push @up, $line if $file =~ m{^shared/base/}
            && $other =~ m{^shared/(?:wire|api|flow)/};
        push @up, $line if $file =~ m{^shared/} && $other =~ m{^modules/};
    }
}
clean('no file looks up to a higher floor', @up);
clean('a domain includes carmen.h and itself', @across);

my %base;
push @{ $base{ s{.*/}{}r } }, $_
    for keys %{ { map { m{^(.*)/[^/]+$} ? ($1 => 1) : () } grep { /\.c$/ }
                  @product } };
clean('a folder of C has a name of its own',
      map { join ' ', @$_ } grep { @$_ > 1 } values %base);

# Exported symbols.

my $kind = Carmen::Nginx::modules_dir();
my @so = glob "$kind/ngx_http_carmen_*_module.so";
ok(@so > 0, 'the modules are built');
for my $so (@so) {
    my ($name) = $so =~ m{/ngx_http_(carmen_\w+)_module};
    clean("$name exports carmen_*, ngx_* and PQflush only",
          grep { !/^(?:carmen_\w+|ngx_\w+|PQflush|__\w*asan\w*)$/ }
          map { (split)[2] // () } split /\n/, `nm -D --defined-only $so`);
    clean("$name links no hiredis", grep { /NEEDED.*hiredis/ }
          split /\n/, `objdump -p $so`);
}

# cppcheck, when it is there.

SKIP: {
    skip 'cppcheck is not installed', 1
        if !Carmen::Cluster::run_quietly('cppcheck', '--version');

    my $text = `cppcheck -q -j2 --std=c11 --inline-suppr \\
        --enable=warning,performance,portability \\
        --suppress=missingInclude --suppress=unusedStructMember \\
        -D__GNUC__ -DCARMEN_CORE -I shared -I shared/api -I shared/base -I shared/wire/pg \\
        -I shared/base -I $kind/carmen modules shared 2>&1`;
    is($text, '', 'cppcheck is content');
}

# Scripts.

SKIP: {
    my @sh = grep { slurp($_) =~ m{^#!/bin/(?:ba)?sh} }
        files(qr{^(?:packaging/[^/]+|t/run|t/bench/run|\.ci/run)$});
    for my $file (@sh) {
        my $shell = slurp($file) =~ m{^#!/bin/bash} ? 'bash' : 'sh';
        ok(Carmen::Cluster::run_quietly($shell, '-n', "$ROOT/$file"),
           "$file parses");
    }
}

done_testing;
