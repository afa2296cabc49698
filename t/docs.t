# Every directive has its page, every problem its row, and no page is of
# something that does not exist.

use strict;
use warnings;

use Test::More;

use Carmen::Cluster;
use Carmen::Nginx;

my $ROOT = $Carmen::Cluster::ROOT;
chdir $ROOT or die "$ROOT: $!";

sub slurp { return Carmen::Nginx::slurp(@_) }

my %source = map { $_ => slurp($_) }
    split /\n/, `find modules shared -name '*.[ch]'`;
my %page = map { $_ => slurp($_) } glob 'modules/*/README*.md';

# Directives: from the command tables, and CARMEN_DOMAIN_COMMAND(orders).

my %directive;
for my $file (sort keys %source) {
    my $text = $source{$file};

    while ($text =~ /ngx_command_t\s+\w+\[\]\s*=\s*\{(.*?)\n\};/gs) {
        my $table = $1;
        while ($table =~ /\{\s*ngx_string\("(carmen_\w+)"\)/g) {
            $directive{$1} //= $file;
        }
        while ($table =~ /^\s*CARMEN_\w*COMMAND\w*\(\s*(\w+)/gm) {
            $directive{"carmen_$1"} //= $file;
        }
    }
    while ($text =~ /^CARMEN_DOMAIN_MODULE\(\s*(\w+)/gm) {
        $directive{"carmen_$1"} //= $file;
    }
}
ok(keys %directive > 5, 'directives were found: ' . keys %directive);

# A page is a heading with the name, then Syntax, Default and Context.

my %documented;
for my $file (sort keys %page) {
    my @sections = split /^(?=#{2,4} )/m, $page{$file};

    for my $section (@sections) {
        my ($name) = $section =~ /^#{2,4} +`?(carmen_\w+)`?\s*$/m or next;
        ok(!$documented{$name}, "$name has one page");
        $documented{$name} = $file;

        my @missing = grep { $section !~ /\b$_\b\W*:/ }
            qw(Syntax Default Context);
        is("@missing", '', "$name: Syntax, Default, Context ($file)");
        like($section, qr/\b\Q$name\E\b.*\b\Q$name\E\b/s,
             "$name: its syntax names it");
    }
}
for my $name (sort keys %directive) {
    ok($documented{$name}, "$name of $directive{$name} has a page");
}
for my $name (sort keys %documented) {
    ok($directive{$name}, "$name of $documented{$name} exists");
}

# Problems: the tables are the truth; SQL and C may use what is in them.

my %problem;
for my $file (sort keys %source) {
    while ($source{$file}
           =~ /carmen_problem_t\s+\w+\[\]\s*=\s*\{(.*?)\n\s*\};/gs)
    {
        my $table = $1;
        $problem{$1} //= $file
            while $table =~ /\{[^{}"]*?(?:ngx_string\()?"([a-z][a-z-]+)"/g;
    }
}
ok(keys %problem > 20, 'problems were found: ' . keys %problem);

my %used;
for my $file (split /\n/, `find sql -name '*.sql'`) {
    my $text = slurp($file);
    while ($text =~ /core\.refuse\(\s*(\d+)\s*,\s*'([^']+)'/g) {
        $used{$2}{$file} = $1;
    }
}
for my $name (sort keys %used) {
    ok($problem{$name}, "problem $name (" . join(', ', keys %{ $used{$name} })
       . ') is in a table');
}

# The reader of a problem's page finds it in the README of its module.

for my $name (sort keys %problem) {
    ok(scalar(grep { /`\Q$name\E`/ } values %page),
       "problem $name of $problem{$name} is in a README");
}

# Statements say what they are for.

for my $file (split /\n/, `find sql -path '*/statements/*.sql'`) {
    my ($name) = $file =~ m{([^/]+)\.sql$};
    like(slurp($file), qr/\A-- \Q$name\E: \S/, "$file says what it is for");
}

# What the documents link to is there.

for my $file (split /\n/, `git ls-files '*.md'`) {
    my ($dir) = $file =~ m{^(.*)/} ? $1 : '.';
    my @broken = grep { !-e "$dir/$_" } map { s/#.*//r }
        grep { !/^(?:https?:|mailto:|#)/ } slurp($file) =~ /\]\(([^)\s]+)\)/g;
    is("@broken", '', "$file: links lead somewhere");
}

done_testing;
