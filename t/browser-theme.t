# A theme of one's own.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";

use Carmen::Test;
use Carmen::Browser;
use File::Temp ();

my $dir = File::Temp::tempdir('carmen-theme-XXXXXX', DIR => '/tmp',
    CLEANUP => 1);
chmod 0755, $dir;

sub template
{
    my ($name, $text) = @_;
    Carmen::Token::write_file("$dir/$name", $text);
}

my $t = Carmen::Browser->provider(no_start => 1,
    server => "carmen_auth_theme $dir;");

subtest 'mistakes are told by nginx -t' => sub {
    for my $try (['{{#a}} x', qr/line 1: a section has no end/],
                 ["\n\n{{/a}}", qr/line 3: a section ends that did not/],
                 ["\n{{a", qr/line 2: a tag has no end/],
                 ['{{A}}', qr/a name is made of a-z/],
                 ['{{{a}}', qr/a tag has no end/],
                 ['{{#a}}' x 9 . '{{/a}}' x 9, qr/nested too deep/])
    {
        template('login.html', $try->[0]);
        like($t->nginx->test, $try->[1], $try->[0] =~ s/\n/ /gr);
    }
    $t->expect(qr{template "\Q$dir\E/login\.html"});
};

template('layout.html', <<'END');
<title>{{title}}</title><main>{{! not shown }}{{{content}}}</main>
{{^client_name}}nobody{{/client_name}}
END
template('message.html', 'A message: {{text}}{{nothing}}');
unlink "$dir/login.html";
$t->nginx->start;
Carmen::Browser::client($t, 'shop', name => '<i>Shop</i>');

my $b = Carmen::Browser->new($t);
$b->get(Carmen::Browser::request());
unlike($b->body, qr/viewport|not shown|nobody/, 'the layout is ours');
ok($b->find('login'), 'what is not there is the one built in');
like($b->body, qr/&lt;i&gt;Shop/, 'values are escaped');
$b->get(Carmen::Browser::request(client_id => 'none'));
like($b->body, qr/A message: The application.*nobody/s, 'the message, too');
is($b->get('/oauth/style.css')->status, 200, 'the style');

done_testing;
